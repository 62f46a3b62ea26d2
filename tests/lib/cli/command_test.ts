import { assertEquals, assertThrows } from "@std/assert";
import { parseCommand } from "../../../lib/cli/command.ts";
import { COMMANDS, isCommand } from "../../../lib/cli/commands.ts";
import { commandHelp, HELP } from "../../../lib/cli/help.ts";
import { UsageError } from "../../../lib/flags.ts";

function parse(line: string, addr?: string) {
  const [word = "", ...args] = line.split(" ");
  if (!isCommand(word)) throw new Error(`${word} is no command`);
  return parseCommand(
    word,
    args,
    (name) => name === "LAINLET_ADDR" ? addr : undefined,
  );
}

Deno.test("commands: where lainlet is", () => {
  const baseOf = (line: string, addr?: string) => {
    const command = parse(line, addr);
    return "base" in command ? command.base : undefined;
  };
  const cases: [addr: string, base: string][] = [
    ["node1", "http://node1:9001"],
    ["node1:80", "http://node1:80"],
    [":9002", "http://127.0.0.1:9002"],
    ["192.0.2.1", "http://192.0.2.1:9001"],
    ["::1", "http://[::1]:9001"],
    ["[2001:db8::7]", "http://[2001:db8::7]:9001"],
    ["[::1]:9002", "http://[::1]:9002"],
    ["https://lainlet.lain/", "https://lainlet.lain"],
  ];
  for (const [addr, base] of cases) {
    assertEquals(baseOf(`status --addr ${addr}`, "other"), base);
    assertEquals(baseOf("pods", addr), base);
  }
  assertEquals(baseOf("get nodes", ""), "http://127.0.0.1:9001");
  for (const bad of ["a/b", "u:secret@a", "http://", "a b:1"]) {
    assertThrows(() => baseOf("pods", bad), UsageError, "$LAINLET_ADDR must");
  }
});

Deno.test("commands: what tables are asked for, in kubectl's letters, too", () => {
  const table = parse("pods shop -o wide -w --trouble --addr :1");
  assertEquals(table, {
    name: "pods",
    base: "http://127.0.0.1:1",
    argument: "shop",
    format: "wide",
    isWatch: true,
    onlyTrouble: true,
    since: "5m",
    showsSecrets: false,
  });
  assertEquals(parse("pods -o=wide shop -f -trouble --addr=:1"), table);
  assertThrows(() => parse("apps shop"), UsageError, 'argument "shop"');
});

Deno.test("commands: help tells of all of them, and nothing of it wraps", () => {
  assertEquals(parse("help"), { name: "help", text: HELP });
  for (const name of Object.keys(COMMANDS)) {
    const command = parse(`help ${name}`);
    assertEquals(parse(`${name} --help`), command);
    const text = command.name === "help" ? command.text : "";
    assertEquals(text.split("\n").filter((line) => line.length > 80), []);
    assertEquals(isCommand(name) && commandHelp(name), text);
    assertEquals(HELP.includes(`\n  ${name} `), true, name);
  }
  assertThrows(() => parse("help pod"), UsageError, "did you mean pods?");
});
