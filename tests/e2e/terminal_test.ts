/**
 * The command line as a client, in a terminal.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { inTerminal, serve, shown } from "../util/command.ts";
import { groupAt } from "../util/example.ts";
import { eventually } from "../util/process.ts";

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
