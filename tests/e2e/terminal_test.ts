/**
 * The command line as a client, in a terminal.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { inTerminal, LAINLET, serve, shown } from "../util/command.ts";
import { groupAt } from "../util/example.ts";
import { eventually, freePort, Program, socketsAt } from "../util/process.ts";

Deno.test("command line: get in a terminal is aligned, coloured, and harmless", async () => {
  await using s = await serve([
    ["/lain/config/a", "one"],
    ["/lain/config/longer", '{"x":[1,2]}'],
    ["/lain/config/evil", "\x1b[2J\x1b]0;title\x07\u202egnp"],
    ["/lain/config/例子", ""],
  ]);
  await using program = inTerminal("get", "configwatcher", s.addr);
  assertEquals((await program.ended()).code, 0);
  assertEquals(
    shown(program),
    [
      "a       one",
      "evil    \\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{202e}gnp",
      'longer  {"x":[1,2]}',
      '例子    ""',
      "",
    ].join("\n"),
  );
  // deno-lint-ignore no-control-regex
  assertMatch(program.stdout, /\x1b\[36ma\x1b\[39m {7}/);
});

Deno.test("command line: get in a terminal makes tables of lists", async () => {
  const instances = ["192.0.2.2", "", "192.0.2.33"].map((ip) => ({
    node: { name: "n", ip: "192.0.2.1" },
    ip,
  }));
  const group = { app: "a", proc: "web.web", instances };
  await using s = await serve([[groupKey(group), groupValue(group)]]);
  await using program = inTerminal("get", "proxywatcher", s.addr);
  await program.ended();
  assertEquals(
    shown(program),
    [
      "a.web.web",
      "  containers",
      "    container_ip  container_port",
      "    192.0.2.2     8080",
      '    ""            8080',
      "    192.0.2.33    8080",
      "",
    ].join("\n"),
  );
});

Deno.test("command line: watch in a terminal shows what changes, with the time, and gaps", async () => {
  const key = groupKey(groupAt(""));
  await using s = await serve([[key, groupValue(groupAt("192.0.2.2"))]]);
  await using watch = inTerminal("watch", "proxywatcher", s.addr);
  const shows = (text: string) =>
    eventually(text, () => shown(watch).includes(text) || undefined);
  await shows("192.0.2.2     8080");
  s.store.put(key, groupValue(groupAt("192.0.2.3")));
  await shows(
    "~ a.web.web  containers[0].container_ip  192.0.2.2 → 192.0.2.3\n",
  );
  assertMatch(shown(watch), /^\d\d:\d\d:\d\d init\n/);
  assertMatch(shown(watch), /\n\d\d:\d\d:\d\d update\n~ /);
  s.proxy.fault = "cut";
  await eventually(
    "that is told",
    () => shown(watch).split("→ 192.0.2.3\n")[1] || undefined,
  );
  s.store.delete(key);
  s.proxy.fault = "none";
  await shows("there was a gap");
  await shows("- a.web.web");
  watch.signal("SIGTERM");
});

/** What a terminal gets when it shows a table, and when it is left. */
const ENTER = "\x1b[?1049h";
const LEAVE = "\x1b[?1049l";

Deno.test("command line: Ctrl-Z gives the terminal back, and fg takes it again", async () => {
  await using s = await serve([["/lain/config/a", "one"]]);
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  const keys = `${folder}/keys`;
  await new Deno.Command("bash", { args: ["-c", `mkfifo ${keys}`] }).output();
  await using shell = new Program("bash", [
    "-c",
    `exec script -qec 'bash --norc -i' /dev/null < ${keys}`,
  ]);
  using typed = await Deno.open(keys, { write: true });
  const type = (text: string) => typed.write(new TextEncoder().encode(text));
  let seen = 0;
  /** Waits for a text after what was seen last. */
  const shows = (text: string) =>
    eventually(`${JSON.stringify(text)} is shown`, () => {
      const at = shell.stdout.indexOf(text, seen);
      if (at < 0) return undefined;
      seen = at + text.length;
      return true;
    });
  await type(`'${LAINLET}' config -w ${s.addr}\n`);
  await shows(ENTER);
  await shows("one");
  for (const value of ["two", "three"]) {
    await type("\x1a");
    await shows(LEAVE);
    const stopped = eventually("it has stopped", () => {
      const at = shell.stdout.indexOf("Stopped", seen);
      return at < 0 ? undefined : at;
    });
    // Runtimes up to 2.7 cannot stop themselves.
    const again = eventually(
      "it says how, or has stopped",
      () => /again|Stopped/.exec(shell.stdout.slice(seen))?.[0],
    );
    if (await again === "again") await type("\x1a");
    seen = await stopped;
    s.store.put("/lain/config/a", value);
    await type("fg\n");
    await shows(ENTER);
    await shows(value);
  }
  await type("\x03");
  await shows(LEAVE);
  await type("exit\n");
  await shell.ended();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the server ends when its terminal closes, with API files or without", async () => {
  const folder = await Deno.makeTempDir();
  const [empty, file] = [`${folder}/apis`, `${folder}/cluster.json`];
  await Deno.mkdir(empty);
  await Deno.writeTextFile(file, '{"/lain/config/a": "one"}');
  for (const apis of [[], [`--apis=${empty}`]]) {
    const web = `127.0.0.1:${freePort()}`;
    await using terminal = inTerminal(
      `--web=${web}`,
      `--store=memory:${file}`,
      ...apis,
    );
    const listens = (wanted: boolean) =>
      eventually(
        `whether it listens is ${wanted}`,
        async () =>
          await socketsAt(`http://${web}`) > 0 === wanted || undefined,
      );
    await listens(true);
    terminal.signal("SIGKILL");
    await listens(false);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("command line: colours are for streams that are terminals, unless NO_COLOR or a dumb terminal", async () => {
  await using s = await serve([["/lain/config/a", "one"]]);
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  const command = `'${LAINLET}' changes ${s.addr}`;
  /** What the terminal and the file get of the table, and of the note that is on stderr. */
  const run = async (env: string, redirection = "") => {
    await using program = new Program("script", [
      "-qec",
      `cd ${folder}; env -u NO_COLOR ${env} ${command} ${redirection}`,
      "/dev/null",
    ]);
    await program.ended();
    const file = await Deno.readTextFile(`${folder}/file`).catch(() => "");
    return [program.stdout, file].map((text) => text.includes("\x1b["));
  };
  assertEquals(await run("TERM=xterm"), [true, false]);
  assertEquals(await run("TERM=xterm", "2>file"), [true, false]);
  assertEquals(await run("TERM=xterm", ">file"), [true, false]);
  assertEquals(await run("TERM=dumb"), [false, false]);
  assertEquals(await run("TERM=xterm NO_COLOR=1"), [false, false]);
  await Deno.remove(folder, { recursive: true });

  // A dumb terminal cannot draw a table again: it gets lines.
  await using watch = new Program("script", [
    "-qec",
    `env TERM=dumb '${LAINLET}' config -w ${s.addr}`,
    "/dev/null",
  ]);
  await eventually(
    "there is a line",
    () => /init +a +one\r\n/.test(watch.stdout) || undefined,
  );
  assertEquals(watch.stdout.includes("\x1b["), false);
  watch.signal("SIGTERM");
});
