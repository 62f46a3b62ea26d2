/**
 * A machine for readers: what pages print is run there as it is printed.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { BUNDLE, LICENSES } from "../../scripts/bundle.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { DebianRoot } from "../util/debian.ts";
import { TestEtcd } from "../util/etcd.ts";
import { groupAt } from "../util/example.ts";
import { TARGETS } from "../util/lainlet_process.ts";
import { eventually, freePort, Program } from "../util/process.ts";
import { TestZooKeeper } from "../util/zookeeper.ts";
import { repositoryFiles, ROOT } from "./pages.ts";

/**
 * What stands in the way of some programs. `REST` is the path without these;
 * `HERE` the folder of the workbench, in which `port` holds lainlet's.
 *
 * - `npx` is Deno of the version that is printed: the one that runs the tests.
 * - `deno task` gives what serves a port of its own; `compile` and `package`
 *   take the binary that is tested instead of making another one.
 * - `dpkg` works on a system in a folder, `systemctl` notes what it is asked,
 *   and `journalctl` shows the log of the lainlet that was started for that.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  npx: `[ "$1 $2" = "-y deno@2.9.6" ] || exit 64
shift 2
exec deno "$@"`,
  deno: `PATH=$REST
case "$1 $2" in
"task demo" | "task start") exec deno "$@" --web "127.0.0.1:$(cat "$HERE/port")" ;;
"task compile") [ $# = 2 ] && cp "$HERE/serve" lainlet ;;
"task package") exec deno "$@" --binary "$HERE/serve" ;;
*) exec deno "$@" ;;
esac`,
  lainlet: `case "$1" in
--*) exec "$HERE/serve" "$@" ;;
*) LAINLET_ADDR=":$(cat "$HERE/port")" exec "$HERE/binary" "$@" ;;
esac`,
  sudo: `exec "$@"`,
  dpkg: `exec fakeroot "$(PATH=$REST && command -v dpkg)" $DPKG "$@"`,
  systemctl: `echo "$*" >>"$HERE/asked"
case "$*" in
*is-active*) exit 3 ;;
show* | status*) echo "$*" ;;
esac`,
  "deb-systemd-helper": "",
  "deb-systemd-invoke": "",
  journalctl: `[ "$1 $2" = "-u lainlet" ] || exit 64
cat "$HERE/log"`,
};

/** The binary that is tested, on a port of the workbench. */
const SERVE = `exec "$HERE/binary" "$@" --web "127.0.0.1:$(cat "$HERE/port")"`;

/** Ends with all that it started when it is asked to end. */
export const GROUP = `trap 'kill -TERM -- -$group; wait $group; exit 143' TERM
set -m
eval "$1" &
group=$!
set +m
wait $group`;

export class Workbench implements AsyncDisposable {
  /** The repository's files, to be changed and run. */
  readonly checkout: string;
  #etcd?: TestEtcd;
  #zookeeper?: TestZooKeeper;
  #root?: DebianRoot;
  #server?: Program;
  #port = 0;

  private constructor(private readonly folder: string) {
    this.checkout = `${folder}/checkout`;
  }

  static async make(): Promise<Workbench> {
    const folder = await Deno.makeTempDir({ prefix: "lainlet-pages-" });
    const bench = new Workbench(folder);
    for (const path of await repositoryFiles()) {
      if (path.startsWith("tests/golden/")) continue;
      const to = `${bench.checkout}/${path}`;
      await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(new URL(path, ROOT), to);
    }
    // What the compiler left of the binary that is tested is for the packages.
    await Deno.mkdir(`${bench.checkout}/${BUNDLE}`, { recursive: true });
    const licenses = `${BUNDLE}/${LICENSES}`;
    await Deno.copyFile(
      new URL(licenses, ROOT),
      `${bench.checkout}/${licenses}`,
    );
    await Deno.mkdir(`${folder}/bin`);
    await Deno.symlink(TARGETS.binary[0], `${folder}/binary`);
    for (const [name, script] of Object.entries(PROGRAMS)) {
      await bench.#program(`bin/${name}`, script);
    }
    await bench.#program("serve", `HERE=${folder}\n${SERVE}`);
    await Deno.writeTextFile(`${folder}/asked`, "");
    await bench.#setPort();
    return bench;
  }

  /** Where lainlet is, whichever was started last. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** An etcd with a state, one value of which is bad. */
  async etcd(): Promise<TestEtcd> {
    if (this.#etcd === undefined) {
      this.#etcd = await TestEtcd.start();
      const group = groupAt("172.20.1.40", "shop");
      await this.#etcd.write({
        [groupKey(group)]: groupValue(group),
        "/lain/config/domain": "lain.example",
        "/lain/nodes/nodes/bad:192.0.2.1:22": "not JSON",
      });
    }
    return this.#etcd;
  }

  /** Starts a ZooKeeper with a state below `/lain-1`. */
  async #startZooKeeper(): Promise<TestZooKeeper> {
    if (this.#zookeeper === undefined) {
      this.#zookeeper = await TestZooKeeper.start();
      await this.#zookeeper.write({
        "/lain-1/lain/config/domain": "lain.example",
      });
    }
    return this.#zookeeper;
  }

  /** A line as it is printed, with the addresses that there are here. */
  async #local(line: string): Promise<string> {
    const endpoint = line.includes(":2379")
      ? (await this.etcd()).endpoint.replace("http://", "")
      : "";
    const servers = /(?:zk-\d:2181,?)+/;
    const zookeeper = servers.test(line)
      ? (await this.#startZooKeeper()).endpoint
      : "";
    return line
      .replace(servers, zookeeper)
      .replace("10.0.1.1:2379", `127.0.0.1:${freePort()}`)
      .replace(/10\.0\.0\.\d:2379(,10\.0\.0\.\d:2379)*/g, endpoint)
      .replaceAll(":9001", `:${this.#port}`)
      .replace(
        /\/etc\/(?:default|lainlet)\b/g,
        (path) => `${this.folder}/root${path}`,
      );
  }

  /** Starts a line in a shell of the checkout. */
  async start(line: string): Promise<Program> {
    const text = await this.#local(line);
    const root = await this.#debian();
    const script = [
      `export HERE=${this.folder} REST=$PATH DPKG='${root.flags.join(" ")}'`,
      "export PATH=$HERE/bin:$PATH",
      `cd ${this.checkout}`,
      GROUP,
    ].join("\n");
    return new Program("bash", ["-c", script, "-", text]);
  }

  /** Runs a line to its end, again while that fails; the last time it must be well. */
  async run(line: string): Promise<string> {
    const stdout = await eventually(`this is well: ${line}`, async () => {
      await using program = await this.start(line);
      const { code } = await program.ended();
      if (code === 0) return program.stdout;
      throw new Error(`${code}: ${program.stdout}${program.stderr}`);
    }, 10_000);
    await this.#obey();
    return stdout;
  }

  /** Runs a line until something is true of it. */
  async until(
    line: string,
    test: (program: Program) => boolean | Promise<boolean>,
  ): Promise<void> {
    const program = await this.start(line);
    try {
      await eventually(
        `this gets there: ${line}`,
        async () => await test(program) || undefined,
      );
    } catch (error) {
      throw new Error(program.stdout + program.stderr, { cause: error });
    } finally {
      await end(program);
    }
  }

  /** Starts a line that serves, in place of what served before, and waits until it is ready. */
  async serve(line: string): Promise<void> {
    await this.stop();
    await this.#setPort();
    const program = this.#server = await this.start(line);
    try {
      await eventually(
        `this is ready: ${line}`,
        async () =>
          (await get(`${this.url}/readyz`)).status === 200 || undefined,
      );
    } catch (error) {
      throw new Error(program.stdout + program.stderr, { cause: error });
    }
  }

  /** Ends what serves. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await end(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#etcd?.[Symbol.asyncDispose]();
    await this.#zookeeper?.[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }

  async #setPort(): Promise<void> {
    this.#port = freePort();
    await Deno.writeTextFile(`${this.folder}/port`, String(this.#port));
  }

  async #program(path: string, script: string): Promise<void> {
    await Deno.writeTextFile(
      `${this.folder}/${path}`,
      `#!/bin/sh\n${script}\n`,
    );
    await Deno.chmod(`${this.folder}/${path}`, 0o755);
  }

  async #debian(): Promise<DebianRoot> {
    if (this.#root === undefined) {
      this.#root = await DebianRoot.make(`${this.folder}/root`);
      await Deno.mkdir(this.#root.file("run/systemd/system"), {
        recursive: true,
      });
    }
    return this.#root;
  }

  /** Does what systemd was asked to do: starts the service as its unit says. */
  async #obey(): Promise<void> {
    const asked = await Deno.readTextFile(`${this.folder}/asked`);
    await Deno.writeTextFile(`${this.folder}/asked`, "");
    if (!/^(enable --now|restart) lainlet$/m.test(asked)) return;
    const root = await this.#debian();
    // What the package explains in it has stayed there.
    const defaults = await Deno.readTextFile(root.file("etc/default/lainlet"));
    assertMatch(defaults, /^# Flags\. /m);
    const unit = await Deno.readTextFile(
      root.file("usr/lib/systemd/system/lainlet.service"),
    );
    const [, start = ""] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    await Deno.writeTextFile(`${this.folder}/log`, await loggable());
    // Systemd takes a line of the file as it is, and splits the variable.
    const setting = (name: string) =>
      `$(sed -n 's/^${name}=//p' /etc/default/lainlet)`;
    await this.serve([
      `export LAINLET_ETCD="${setting("LAINLET_ETCD")}"`,
      `LAINLET_FLAGS="${setting("LAINLET_FLAGS")}"`,
      `exec ${root.path}${start} 2>>$HERE/log`,
    ].join("; "));
    assertEquals((await get(`${this.url}/healthz`)).body, "ok");
  }
}

export async function end(program: Program): Promise<void> {
  try {
    program.signal("SIGTERM");
  } catch {
    // It has ended already.
  }
  await program.ended();
}

/** A line for each event that lainlet may log, as far as the code says it. */
async function loggable(): Promise<string> {
  const lines: string[] = [];
  for (const path of await repositoryFiles()) {
    if (!/^lib\/.*\.ts$/.test(path)) continue;
    const text = await Deno.readTextFile(new URL(path, ROOT));
    for (
      const [, level, message] of text.matchAll(/log\.(\w+)\(\s*"([^"]+)"/g)
    ) lines.push(`time=- level=${level} msg="${message}"\n`);
  }
  return lines.join("");
}
