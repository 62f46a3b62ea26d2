import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Flag, parseArguments, UsageError } from "../../lib/flags.ts";
import { Program } from "../util/process.ts";

const FLAGS: readonly Flag[] = [
  { name: "etcd", value: "ENDPOINTS", help: "" },
  { name: "etcd.ca", value: "FILE", help: "" },
  { name: "output", letters: ["o"], value: "FORMAT", help: "" },
  { name: "watch", letters: ["w", "f"], help: "" },
];

/** Flags that were given, and positional arguments. */
function parse(args: readonly string[]) {
  const { given, positional } = parseArguments(args, FLAGS);
  const flags = FLAGS.map(({ name }) => [name, given(name)])
    .filter(([, value]) => value !== undefined);
  return [Object.fromEntries(flags), ...positional];
}

Deno.test("arguments: each spelling of a flag; values stay text", () => {
  const cases: [args: string[], flags: object, ...positional: string[]][] = [
    [["-etcd", "a", "--etcd.ca=b=c"], { etcd: "a", "etcd.ca": "b=c" }],
    [["--etcd.ca", "b", "-etcd=a", "-etcd", "c"], {
      etcd: "c",
      "etcd.ca": "b",
    }],
    [["-o=x", "-w"], { output: "x", watch: "true" }],
    [["-o", "x", "-f=T", "--watch=FALSE"], { output: "x" }],
    [["-ojson"], { output: "json" }],
    [["-wo", "json"], { output: "json", watch: "true" }],
    [["-wo=json"], { output: "json", watch: "true" }],
    [["--output", "007", "172.20", "1e3"], { output: "007" }, "172.20", "1e3"],
    [["--output=a\nb", "a\nb"], { output: "a\nb" }, "a\nb"],
    [["--etcd", "", "--output=", "x"], {}, "x"],
    [["x", "--", "-w", "--etcd=a", "--"], {}, "x", "-w", "--etcd=a", "--"],
    [["--output=--", "--"], { output: "--" }],
    // An app may be called so.
    [["-w", "true", "-"], { watch: "true" }, "true", "-"],
  ];
  for (const [args, ...parsed] of cases) {
    assertEquals([args, parse(args)], [args, parsed]);
  }
});

Deno.test("arguments: each wrong use has its own line", () => {
  const cases: [args: string[], line: string][] = [
    [["--outptu=x"], "unknown flag --outptu; did you mean --output?"],
    [["-wtcd"], "unknown flag -wtcd"],
    [["--etcd-ca=x"], "unknown flag --etcd-ca; did you mean --etcd.ca?"],
    [["--constructor"], "unknown flag --constructor"],
    [["--__proto__=x"], "unknown flag --__proto__"],
    [["-5"], "unknown flag -5"],
    [["-wx"], "unknown flag -wx"],
    [["-wo"], "--output needs a value"],
    [["--no-watch"], "unknown flag --no-watch"],
    [["--etcd"], "--etcd needs a value"],
    [["-o", "--", "x"], "--output needs a value"],
    [["-o", "-w"], "--output needs a value"],
    [["-w="], "--watch is a switch: give it without a value"],
    [["-w=constructor"], "--watch is a switch: give it without a value"],
    [["--watch=no"], "--watch is a switch: give it without a value"],
  ];
  for (const [args, line] of cases) {
    const { message } = assertThrows(() => parse(args), UsageError);
    assertEquals([args, message.slice(0, line.length)], [args, line]);
  }
});

Deno.test("scripts: --help prints the usage, a wrong argument one line", async () => {
  const run = async (...args: string[]) => {
    const script = new URL("../../scripts/pack.ts", import.meta.url);
    await using program = new Program("deno", [
      "run",
      "--no-prompt",
      "--allow-read",
      script.href,
      ...args,
    ]);
    const { code } = await program.ended();
    return { code, stdout: program.stdout, stderr: program.stderr };
  };
  const { code, stdout, stderr } = await run("--help");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "\nUsage: deno task pack [flags]\n");
  assertStringIncludes(stdout, "\n  --output FOLDER ");
  for (const wrong of ["--nosuch", "more"]) {
    const { code, stdout, stderr } = await run(wrong);
    assertEquals([code, stdout], [2, ""]);
    assertEquals(/^pack: [^\n]+\n$/.test(stderr), true, stderr);
  }
});
