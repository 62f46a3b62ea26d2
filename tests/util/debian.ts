import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { TARGETS } from "./lainlet_process.ts";
import { Program } from "./process.ts";

/** Runs a program to its end; it must succeed. */
export async function run(command: string, ...args: string[]): Promise<string> {
  await using program = new Program(command, args);
  const { code } = await program.ended();
  assertEquals(code, 0, program.stdout + program.stderr);
  return program.stdout;
}

/** Makes the packages of the binary that is tested. @returns where the .deb is */
export async function makePackages(folder: string): Promise<string> {
  const [task = "", ...flags] = config.tasks.package.command.split(" ");
  const [binary] = TARGETS.binary;
  await run(task, ...flags, `--binary=${binary}`, `--output=${folder}`);
  return `${folder}/lainlet_${config.version}-1_amd64.deb`;
}

/** The warnings of an older systemd about settings of the unit that it ignores. */
export const NEWER_SETTINGS =
  /^(.* Unknown key '(RestartSteps|RestartMaxDelaySec)' in section \[Service\], ignoring\.\n)*$/;

/**
 * Lets systemd check the unit.
 *
 * @param dropIn a drop-in file for it, if any
 * @returns systemd's complaints
 */
export async function verifyUnit(dropIn?: string): Promise<string> {
  const unit = new URL(
    "../../scripts/package/lainlet.service",
    import.meta.url,
  );
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  try {
    const [binary] = TARGETS.binary;
    const text = await Deno.readTextFile(unit);
    const path = `${folder}/lainlet.service`;
    // A path with a space would be two words there.
    await Deno.symlink(binary, `${folder}/lainlet`);
    await Deno.writeTextFile(
      path,
      text.replace("/usr/bin/lainlet", `${folder}/lainlet`),
    );
    if (dropIn !== undefined) {
      await Deno.mkdir(`${path}.d`);
      await Deno.writeTextFile(`${path}.d/override.conf`, dropIn);
    }
    await using program = new Program("systemd-analyze", [
      "verify",
      "--man=no",
      path,
    ]);
    const { code } = await program.ended();
    assertEquals(code, 0, program.stderr);
    return program.stderr;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A Debian system in a folder, which the user who runs the tests may change. */
export class DebianRoot {
  private constructor(readonly path: string) {}

  /** An empty one. */
  static async make(path: string): Promise<DebianRoot> {
    await Deno.mkdir(`${path}/var/lib/dpkg/updates`, { recursive: true });
    await Deno.mkdir(`${path}/var/lib/dpkg/info`, { recursive: true });
    await Deno.writeTextFile(`${path}/var/lib/dpkg/status`, "");
    return new DebianRoot(path);
  }

  /** With these dpkg works on it. */
  get flags(): readonly string[] {
    return [
      `--root=${this.path}`,
      "--force-not-root,depends,script-chrootless,bad-path",
      "--log=/dev/null",
    ];
  }

  /** Where a file of it is. */
  file(path: string): string {
    return `${this.path}/${path}`;
  }

  async exists(path: string): Promise<boolean> {
    return await Deno.stat(this.file(path)).then(() => true, () => false);
  }

  /** Runs dpkg. @returns what it said */
  async dpkg(...args: string[]): Promise<string> {
    return await run("fakeroot", "dpkg", ...this.flags, ...args);
  }

  /**
   * Installs a systemd that only records its arguments.
   *
   * @param isActive whether it reports that services run
   * @param isStarted whether they start
   * @returns the notes, a line each
   */
  async addSystemd(
    isActive: boolean,
    isStarted = true,
  ): Promise<() => Promise<string[]>> {
    await Deno.mkdir(this.file("run/systemd/system"), { recursive: true });
    await Deno.mkdir(this.file("bin"), { recursive: true });
    const notes = this.file("notes");
    await Deno.writeTextFile(notes, "");
    for (
      const name of ["systemctl", "deb-systemd-helper", "deb-systemd-invoke"]
    ) {
      await Deno.writeTextFile(
        this.file(`bin/${name}`),
        `#!/bin/sh\necho "${name} $*" >>'${notes}'\n` +
          `case "$*" in *is-active*) exit ${isActive ? 0 : 3} ;;` +
          ` restart*) exit ${isStarted ? 0 : 1} ;; esac\n`,
      );
      await Deno.chmod(this.file(`bin/${name}`), 0o755);
    }
    return async () => (await Deno.readTextFile(notes)).trim().split("\n");
  }

  /** Runs dpkg where the programs that were added come first. */
  async dpkgWithSystemd(...args: string[]): Promise<string> {
    const script = `PATH=${this.file("bin")}:$PATH; exec fakeroot dpkg "$@"`;
    return await run("bash", "-c", script, "-", ...this.flags, ...args);
  }
}
