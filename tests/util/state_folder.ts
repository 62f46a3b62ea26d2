import { LainletProcess, type TARGETS } from "./lainlet_process.ts";
import type { Program } from "./process.ts";

/** Where a lainlet may write, in the namespace of its mounts. */
const FOLDER = "/var/lib/lainlet";

/** What lies at {@linkcode FOLDER}; `$1` is a folder of this machine. */
const MOUNTS = {
  writable: `mount --bind "$1" /var/lib && shift && exec "$@"`,
  "read-only":
    `mount --bind "$1" /var/lib && mount -o remount,ro,bind /var/lib && shift && exec "$@"`,
  absent: `mount -t tmpfs none /var/lib && shift && exec "$@"`,
  // What is left of the small disk is brought back at the end.
  small: `from="$1/lainlet" && shift && mount -t tmpfs none /var/lib &&
mkdir /var/lib/kept ${FOLDER} && mount --bind "$from" /var/lib/kept &&
mount -t tmpfs -o size=1m none ${FOLDER} && cp -a /var/lib/kept/. ${FOLDER} &&
trap 'kill "$child"' TERM && { "$@" & child=$!; wait $child; wait $child; code=$?; } &&
rm -f /var/lib/kept/* && cp -a ${FOLDER}/. /var/lib/kept && exit $code`,
} as const;

/**
 * A folder that processes see at the one place where lainlet may write: each
 * in a namespace of its own, which needs no rights.
 */
export class StateFolder implements AsyncDisposable {
  /** The file that is given to `--state`, as lainlet sees it. */
  static readonly file = `${FOLDER}/state`;
  readonly #path = Deno.makeTempDirSync({ prefix: "lainlet-var-" });
  /** The same file, as this process sees it. */
  readonly file = `${this.folder}/state`;

  constructor() {
    // As systemd makes it for a user that there is not always: a link leads there.
    Deno.mkdirSync(this.folder, { recursive: true });
    Deno.symlinkSync("private/lainlet", `${this.#path}/lainlet`);
  }

  get folder(): string {
    return `${this.#path}/private/lainlet`;
  }

  /** The names of the files that are there. */
  names(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }

  /** The beginning of a command that has the folder. */
  within(kind: keyof typeof MOUNTS = "writable"): string[] {
    return [
      "unshare",
      "--map-root-user",
      "--mount",
      "bash",
      "-c",
      MOUNTS[kind],
      "bash",
      this.#path,
    ];
  }

  /** Starts a lainlet that has the folder, and waits until it is ready, or serves at least. */
  start(
    target: keyof typeof TARGETS,
    args: readonly string[],
    { kind, ready }: { kind?: keyof typeof MOUNTS; ready?: boolean } = {},
  ): Promise<LainletProcess> {
    return LainletProcess.start(
      target,
      [`--state=${StateFolder.file}`, ...args],
      { ready, within: this.within(kind) },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}

/** Asks a lainlet to end, and waits for that. @returns the exit code */
export async function stop(
  { program }: { readonly program: Program },
): Promise<number> {
  program.signal("SIGTERM");
  return (await program.ended()).code;
}
