import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { get, Stream } from "../util/client.ts";
import { eventually, freePort, Program } from "../util/process.ts";

/** Runs what a task runs, itself and not below a task runner. */
function task(
  { command: line }: { readonly command: string },
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  const [command = "", ...first] = line.split(" ");
  return new Program(command, [...first, ...args], env);
}

Deno.test("the demo: the commands that it prints work, and changes happen by themselves", async () => {
  const port = freePort();
  await using demo = task(config.tasks.demo, ["--web", `127.0.0.1:${port}`]);
  await eventually(
    "it says what to try",
    () => demo.stdout.includes("Ctrl-C") ? true : undefined,
  );
  const urls = [...demo.stdout.matchAll(/curl .*'(.+)'/g)].map(([, url = ""]) =>
    url
  );
  assertEquals(urls.length, 3);
  for (const url of urls.filter((url) => !url.includes("watch=1"))) {
    const { status, body } = await get(url);
    assertEquals(status, 200);
    assert(body.length > 100, body);
  }
  const [watch = ""] = urls.filter((url) => url.includes("watch=1"));
  await using stream = await Stream.open(watch);
  const events = [await stream.next(), await stream.next()];
  assertEquals(events.map((event) => event?.event), ["init", "update"]);
  await eventually(
    "it says what happens",
    () =>
      demo.stdout.includes("shop: version 2 rolls out, instance 1 of 3") ||
      undefined,
  );
  demo.signal("SIGTERM");
  await demo.ended();
});

Deno.test("compile: without a runtime it names the way that is left, in one line", async () => {
  const folder = await Deno.makeTempDir();
  await using program = task(config.tasks.compile, [
    "--output",
    `${folder}/lainlet`,
  ], {
    HTTPS_PROXY: "http://127.0.0.1:1",
  });
  const { code } = await program.ended();
  await Deno.remove(folder, { recursive: true });
  if (code === 0) return; // Deno keeps a runtime that was fetched before.
  assertEquals(code, 1);
  assertMatch(
    program.stderr,
    /^compile: .+ deno task compile --runtime=npm\n$/,
  );
});

Deno.test("scripts: each task prints its usage for --help, and does nothing else", async () => {
  for (const [name, one] of Object.entries(config.tasks)) {
    assert(one.description.length > 10, name);
    // The demo takes lainlet's flags, and prints lainlet's usage.
    const usage = name === "demo" ? "lainlet [flags]" : `deno task ${name}`;
    if (!/ scripts\/\w+\.ts$/.test(one.command)) continue;
    await using program = task(one, ["--help"]);
    assertEquals((await program.ended()).code, 0, program.stderr);
    assert(program.stdout.includes(`\nUsage: ${usage}`), program.stdout);
  }
});

Deno.test("scripts: a wrong argument is one line", async () => {
  const { compile, screenshots, test } = config.tasks;
  for (
    const [one, line] of [
      [compile, "--runtime=other"],
      [compile, "--nosuch"],
      [screenshots, "folder some"],
      [test, "tests/nosuch"],
      [test, "--nosuch"],
    ] as const
  ) {
    await using program = task(one, line.split(" "));
    assertEquals((await program.ended()).code, 2, program.stderr);
    assertMatch(program.stderr, /^\w+: [^\n]+\n$/);
  }
});

Deno.test("bench: patches are at least 200 times fewer bytes, and every listener ends with the newest state", async () => {
  await using bench = task(config.tasks.bench, ["--seconds=1", "patches"]);
  const { code } = await bench.ended();
  assertEquals(code, 0, bench.stderr);
  const rows = bench.stdout.split("\n").map((line) => line.split(" | "));
  const [, , , times = ""] =
    rows.find(([name]) => name === "| `patch=merge`") ?? [];
  assert(Number(times.replaceAll(",", "")) >= 200, bench.stdout);
  const whole = rows.find(([name]) => name === "| whole states");
  assertEquals(whole?.at(-1), "0 |");
});

Deno.test("bench: a wrong argument is one line", async () => {
  for (const args of [["--target=x"], ["--seconds=0"], ["nosuch"], ["-x"]]) {
    await using bench = task(config.tasks.bench, args);
    assertEquals((await bench.ended()).code, 2);
    assertMatch(bench.stderr, /^bench: [^\n]+\n$/);
  }
});
