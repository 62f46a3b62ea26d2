/**
 * The command line as a client: in a pipe, and how it ends.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { commandHelp } from "../../lib/cli/help.ts";
import type { MemoryStore } from "../../lib/store/memory.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { inTerminal, LAINLET, run, serve, shown } from "../util/command.ts";
import { cluster } from "../util/golden.ts";
import { groupAt } from "../util/example.ts";
import { eventually, freePort, Program } from "../util/process.ts";

Deno.test("command line: get in a pipe prints the response, one line", async () => {
  await using s = await serve(Object.entries(cluster));
  for (
    const [path, ...args] of [
      ["/v2/coreinfowatcher", "coreinfowatcher"],
      [
        "/v2/procwatcher?appname=console",
        "procwatcher",
        "--appname",
        "console",
      ],
      ["/v2/webrouter/webprocs", "/v2/webrouter/webprocs/"],
      ["/appname?ip=192.0.2.9", "appname", "-ip=192.0.2.9"],
      ["/version", "version"],
    ]
  ) {
    const { status, body } = await get(s.lainlet.url + path);
    const { code, stdout, stderr } = await run("get", ...args, s.addr);
    if (status === 200) {
      assertEquals([code, stdout, stderr], [0, `${body}\n`, ""]);
    } else {
      const line = `lainlet: ${s.proxy.url} responds with HTTP 404: ${body}\n`;
      assertEquals([status, code, stdout, stderr], [404, 1, "", line]);
    }
  }
});

Deno.test("command line: watch in a pipe is a state a line, also over a gap", async () => {
  const limit = "9223372036854771712";
  const group = groupAt("192.0.2.2");
  const value = groupValue(group).replace("268435456", limit);
  await using s = await serve([[groupKey(group), value]]);
  await using watch = new Program(LAINLET, [
    "watch",
    "coreinfowatcher",
    s.addr,
  ]);
  const line = (count: number) =>
    eventually(
      `line ${count}`,
      // The last one may not be whole.
      () => watch.stdout.split("\n").slice(0, -1)[count - 1],
    );
  const answer = async () =>
    (await get(`${s.lainlet.url}/v2/coreinfowatcher`)).body;
  assertEquals(await line(1), await answer());
  assert(watch.stdout.includes(limit));
  const other = { ...group, app: "b" };
  s.store.put(groupKey(other), groupValue(other));
  assertEquals(await line(2), await answer());
  s.proxy.fault = "cut";
  const told = (text: string) =>
    eventually(text, () => watch.stderr.includes(text) || undefined);
  await eventually("that is told", () => watch.stderr || undefined);
  s.store.delete(groupKey(other));
  s.proxy.fault = "none";
  assertEquals(await line(3), await answer());
  await told("lainlet responds");
  await told("there was a gap");
  for (const text of watch.stderr.trimEnd().split("\n")) {
    assertMatch(text, /\d\d:\d\d:\d\d \S/);
  }
});

Deno.test("command line: a watch ends when its reader has gone", async () => {
  await using s = await serve([["/lain/config/a", "1"]]);
  await using pipe = new Program("bash", [
    "-c",
    `set -o pipefail; "$0" watch configwatcher "$1" | head -1`,
    LAINLET,
    s.addr,
  ]);
  await eventually("there is a state", () => pipe.stdout || undefined);
  assertEquals([await ends(pipe, s.store), pipe.stdout], [0, '{"a":"1"}\n']);
});

/** Waits until a watch without a reader has ended: it notices when it has something to say. @returns the exit code */
async function ends(program: Program, store: MemoryStore): Promise<number> {
  const end = program.ended();
  let hasEnded = false;
  end.then(() => hasEnded = true);
  await eventually("it has ended", () => {
    store.put("/lain/config/a", crypto.randomUUID());
    return hasEnded || undefined;
  });
  return (await end).code;
}

/** Runs a program with a non-blocking pipe for its stdout, which is read when it has been full for a second; prints how much CPU time that took, in ms, and then what was read. */
const FULL_PIPE = `
import array, fcntl, os, subprocess, sys, termios, time
def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return 10 * (int(user) + int(system))
out, into = os.pipe()
os.set_blocking(into, False)
program = subprocess.Popen(sys.argv[1:], stdout=into)
size = fcntl.fcntl(into, 1032)
waiting = array.array("i", [0])
while waiting[0] < size - 4096:
    time.sleep(0.01)
    fcntl.ioctl(out, termios.FIONREAD, waiting)
before = cpu(program.pid)
time.sleep(1)
print(cpu(program.pid) - before)
sys.stdout.flush()
os.close(into)
while data := os.read(out, 5000):
    sys.stdout.buffer.write(data)
sys.stdout.flush()
sys.exit(program.wait())
`;

Deno.test("command line: a pipe that is full is waited for, also a non-blocking one", async () => {
  const value = "x".repeat(999);
  await using s = await serve(
    Array.from({ length: 300 }, (_, i) => [`/lain/config/${i}`, value]),
  );
  for (const args of [["get", "configwatcher"], ["config", "-o", "yaml"]]) {
    const command = [LAINLET, ...args, s.addr];
    await using piped = new Program("/usr/bin/python3", [
      "-c",
      FULL_PIPE,
      ...command,
    ]);
    assertEquals([(await piped.ended()).code, piped.stderr], [0, ""]);
    const { stdout } = await run(...args, s.addr);
    const [busy = "", ...lines] = piped.stdout.split("\n");
    assertEquals(lines.join("\n"), stdout);
    assert(Number(busy) < 500, `${busy} ms of CPU in a second of waiting`);
  }
});

Deno.test("command line: a line of a watch in a pipe is a state for a shell", async () => {
  await using s = await serve([["/lain/config/a", "1"]]);
  await using loop = new Program("bash", [
    "-c",
    `"$0" watch configwatcher "$1" |
    for i in 1 2; do read -r state; echo "got $state"; done`,
    LAINLET,
    s.addr,
  ]);
  const got = (count: number) =>
    eventually(`line ${count}`, () => loop.stdout.split("\n")[count]);
  assertEquals([await got(1), loop.stdout], ["", 'got {"a":"1"}\n']);
  s.store.put("/lain/config/a", "2");
  await got(2);
  assertEquals(loop.stdout, 'got {"a":"1"}\ngot {"a":"2"}\n');
  await ends(loop, s.store);
  const { stdout } = await run("watch", "--help");
  assertMatch(
    stdout.replace(/\s+/g, " "),
    /in a pipe the whole state as one line of JSON/,
  );
});

Deno.test("command line: status for people and programs; the exit code is 0 only without problems", async () => {
  await using s = await serve([
    ["/lain/config/a", "1"],
    ["/lain/nodes/nodes/bad:192.0.2.1:22", "not JSON"],
  ]);
  const { code, stdout } = await run("status", "-ojson", s.addr);
  const { version, ready, reason, debug } = JSON.parse(stdout);
  assertEquals([code, ready, reason], [0, true, ""]);
  assertEquals(version, (await get(`${s.lainlet.url}/version`)).body);
  assertEquals(debug.watchers.config.TotalKeys, 1);
  const table = await run("status", s.addr);
  assertMatch(table.stdout, /^up to date\nlainlet \S+ at http:\S+\n/);
  const yaml = await run("status", "-o", "yaml", s.addr);
  assertMatch(yaml.stdout, /^addr: .*\nversion: .*\nready: true\n/);
  await using program = inTerminal("status", s.addr);
  assertEquals((await program.ended()).code, 0);
  assertMatch(
    shown(program),
    /^up to date\nlainlet \S+ at http:\S+\n/,
  );
  assertMatch(shown(program), /\n {2}config +1 +0 +0 +0 +init/);
  assertMatch(shown(program), /\n {2}rejected \S*bad:192.0.2.1:22\n/);

  // One that never read its etcd.
  const port = freePort();
  await using other = new Program(LAINLET, [
    `--web=127.0.0.1:${port}`,
    `--etcd=127.0.0.1:${freePort()}`,
  ]);
  const status = await eventually("it serves", async () => {
    const result = await run("status", "-o", "json", `--addr=:${port}`);
    return result.stdout === "" ? undefined : result;
  });
  assertEquals(status.code, 1);
  const { ready: isReady, reason: why } = JSON.parse(status.stdout);
  assertEquals(isReady, false);
  assertMatch(why, /not read yet/);
  other.signal("SIGTERM");
});

Deno.test("command line: an error is one line; exit code 2 for the command, 1 for the response", async () => {
  const group = groupAt("192.0.2.2", "shop");
  await using s = await serve([[groupKey(group), groupValue(group)]]);
  const nobody = freePort();
  const cases: [code: number, line: RegExp, ...args: string[]][] = [
    [
      2,
      /^lainlet: get: needs an endpoint; lainlet get --help lists them/,
      "get",
    ],
    [
      2,
      /^lainlet: get: no such endpoint: "zebra" /,
      "get",
      "zebra",
      s.addr,
    ],
    [
      2,
      /: no such endpoint: "zebra", and no lainlet responds at http:\S+: .* \(/,
      "get",
      "zebra",
      `--addr=:${nobody}`,
    ],
    // That is a stream, of views that are watched by themselves here.
    [2, /get: no such endpoint: "watch"/, "get", "watch"],
    [2, /"proxy"; did you mean proxywatcher\? \(/, "get", "proxy"],
    [2, /"proxywacher"; did you mean proxywatcher\? /, "get", "proxywacher"],
    [
      2,
      /^lainlet: unexpected argument "stauts"; did you mean status\? /,
      "stauts",
    ],
    [
      2,
      /"proxywacher"; did you mean lainlet get proxywatcher\? /,
      "proxywacher",
    ],
    [2, /unexpected argument "n1"; is it lainlet find n1\? /, "apps", "n1"],
    [
      2,
      /^lainlet: unknown flag --troubel; did you mean --trouble\? /,
      "pods",
      "--troubel",
    ],
    [
      2,
      /^lainlet: --output must be .*"yml"; did you mean yaml\? /,
      "pods",
      "-o",
      "yml",
    ],
    [2, /^lainlet: find: needs an address or a name /, "find"],
    [
      1,
      /^lainlet: not found: "shpo"; did you mean shop\?/,
      "pods",
      "shpo",
      s.addr,
    ],
    [
      2,
      /^lainlet: --sort must be pod, .*, not "bogus" \(see lainlet --help\)$/m,
      "pods",
      "--sort=bogus",
      s.addr,
    ],
    [
      2,
      /^lainlet: watch: no such endpoint: "debug"; is it lainlet get debug\? /,
      "watch",
      "debug",
    ],
    [
      2,
      /^lainlet: nodes has no parameter appname/,
      "get",
      "nodes",
      "--appname=a",
    ],
    [2, /^lainlet: unknown flag --nope/, "get", "nodes", "--nope"],
    [2, /^lainlet: unexpected argument "more"/, "get", "nodes", "more"],
    [2, /^lainlet: --addr must be an address/, "status", "--addr=http://a?b"],
    [2, /^lainlet: completions are for bash, zsh, fish/, "completions", "sh"],
    [1, /^lainlet: --appname is required/, "get", "procwatcher", s.addr],
    [1, /^lainlet: --appname is required/, "watch", "procwatcher", s.addr],
    [
      1,
      /^lainlet: no lainlet responds at http:\/\/127\S+: tcp connect error: /,
      "get",
      "nodes",
      `--addr=:${nobody}`,
    ],
    [
      1,
      /^lainlet: no lainlet responds at http:\/\/127\S+: tcp connect error: /,
      "status",
      `--addr=:${nobody}`,
    ],
  ];
  for (const [code, line, ...args] of cases) {
    const result = await run(...args);
    assertMatch(result.stderr, line);
    assertMatch(result.stderr, /^[^\n]*\n$/);
    assertEquals([result.code, result.stdout], [code, ""]);
  }
  for (const word of ["get", "find"] as const) {
    const { code, stdout } = await run(word, "--help");
    assertEquals(code, 0);
    assertEquals(stdout, `${await commandHelp(word)}\n`);
  }
});
