import { assertEquals, assertRejects } from "@std/assert";
import { parseCommand } from "../../../lib/cli/command.ts";
import { COMMANDS, isCommand } from "../../../lib/cli/commands.ts";
import { commandHelp, HELP } from "../../../lib/cli/help.ts";
import { UsageError } from "../../../lib/flags.ts";

async function parse(line: string, addr?: string) {
  const [word = "", ...args] = line.split(" ");
  if (!isCommand(word)) throw new Error(`${word} is no command`);
  return await parseCommand(
    word,
    args,
    (name) => name === "LAINLET_ADDR" ? addr : undefined,
  );
}

Deno.test("commands: the address of lainlet, from the flag or the environment", async () => {
  const baseOf = async (line: string, addr?: string) => {
    const command = await parse(line, addr);
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
    ["http://node1/lainlet/", "http://node1/lainlet"],
  ];
  for (const [addr, base] of cases) {
    assertEquals(await baseOf(`status --addr ${addr}`, "other"), base);
    assertEquals(await baseOf("pods", addr), base);
  }
  assertEquals(await baseOf("get nodes", ""), "http://127.0.0.1:9001");
  for (
    const bad of [
      "a/b",
      "a/b:1",
      "http://a/?b",
      "u:secret@a",
      "http://u:secret@a/b",
      "http://",
      "a b:1",
    ]
  ) {
    await assertRejects(
      () => baseOf("pods", bad),
      UsageError,
      "$LAINLET_ADDR must",
    );
  }
});

Deno.test("commands: a time that none is understood from is wrong use", async () => {
  for (const since of ["5m", "1h30m", "2026-11-24T17:40:00Z", "1700000000"]) {
    await parse(`changes --since ${since}`);
  }
  await assertRejects(
    () => parse("changes --since yesterday"),
    UsageError,
    "--since must be a time in RFC 3339, seconds since 1970, or a duration such as 5m",
  );
});

Deno.test("commands: flags of tables, also by kubectl's letters", async () => {
  const table = await parse(
    "pods shop -o wide -w --trouble --sort=-restarts --node n1 --timeout 2s --addr :1",
  );
  assertEquals(table, {
    name: "pods",
    base: "http://127.0.0.1:1",
    timeout: 2_000,
    argument: "shop",
    format: "wide",
    isWatch: true,
    onlyTrouble: true,
    sort: "-restarts",
    node: "n1",
    since: "5m",
    showsSecrets: false,
  });
  const rest = "--sort=-restarts --node n1 --timeout 2s --addr :1";
  for (
    const line of [
      "pods -o=wide shop -f -trouble -sort=-restarts -node=n1 -timeout 2 --addr=:1",
      `pods shop -wo wide --trouble ${rest}`,
      `pods -fowide shop --trouble ${rest}`,
      `pods -wfo=wide shop --trouble ${rest}`,
    ]
  ) assertEquals(await parse(line), table);
  for (
    const [line, message] of [
      ["pods -ojsn", '"jsn"; did you mean json?'],
      ["pods -wx", "unknown flag -wx"],
      ["pods -wo", "--output needs a value"],
      ["pods -w5", "unknown flag -w5"],
      ["pods --timeout 0", "--timeout must be a time like 10s"],
    ] as const
  ) await assertRejects(() => parse(line), UsageError, message);
  await assertRejects(() => parse("apps shop"), UsageError, 'argument "shop"');
});

Deno.test("commands: help lists all of them, in lines that fit a terminal", async () => {
  assertEquals(await parse("help"), { name: "help", text: HELP });
  for (const name of Object.keys(COMMANDS)) {
    const command = await parse(`help ${name}`);
    assertEquals(await parse(`${name} --help`), command);
    const text = command.name === "help" ? command.text : "";
    assertEquals(text.split("\n").filter((line) => line.length > 80), []);
    assertEquals(isCommand(name) && await commandHelp(name), text);
    assertEquals(HELP.includes(`\n  ${name} `), true, name);
  }
  await assertRejects(
    () => parse("help pod"),
    UsageError,
    "did you mean pods?",
  );
});

Deno.test("commands: an argument is text, whatever it looks like", async () => {
  const argumentOf = async (line: string) => {
    const command = await parse(line);
    return "argument" in command ? command.argument : undefined;
  };
  for (
    const [line, argument] of [
      ["find 172.20", "172.20"],
      ["find 1e3", "1e3"],
      ["pods 007", "007"],
      ["find -- -x", "-x"],
      ["find shop.web.web 1", "shop.web.web 1"],
      ["find 10.10", "10.10"],
      ["find -o name -- --help", "--help"],
      ["pods -- -o=json", "-o=json"],
      ["find constructor", "constructor"],
    ]
  ) assertEquals([line, await argumentOf(line ?? "")], [line, argument]);
});

Deno.test("commands: a switch takes no value but true and false, and no other flag is one", async () => {
  for (const value of ["constructor", "toString", "__proto__", "2", "x"]) {
    for (const flag of ["-w", "--watch", "-watch"]) {
      await assertRejects(
        () => parse(`pods ${flag}=${value}`),
        UsageError,
        "--watch is a switch",
      );
    }
  }
  for (const flag of ["--constructor", "--__proto__=x", "--w.atch", "-5"]) {
    await assertRejects(
      () => parse(`pods ${flag}`),
      UsageError,
      "unknown flag -",
    );
  }
});
