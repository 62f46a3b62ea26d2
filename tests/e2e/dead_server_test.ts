/**
 * The command line at the wrong address: what answers too late or too little,
 * elsewhere, or again and again; and what of it gets to a terminal.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  asked,
  assertLine,
  at,
  type Case,
  client,
  endless,
  frame,
  head,
  Hostile,
  type Play,
  run,
  says,
  silence,
  STREAM,
  tryAll,
  tryGet,
  tryWatch,
  unread,
} from "../util/hostile.ts";
import { TARGETS } from "../util/lainlet_process.ts";
import { eventually, Program } from "../util/process.ts";

const deep = "[".repeat(100_000) + "]".repeat(100_000);

/** What takes its time, which is the same for all. */
const SLOW: Record<string, Case> = {
  "no headers": {
    play: silence,
    get: at("no data for 10 s$"),
    watch: /no data for 10 s$/,
  },
  "promises of headers without end": {
    play: endless("", "HTTP/1.1 100 Continue\r\n\r\n", 200),
    get: at("."),
    watch: /./,
  },
  "a body that drips": {
    play: endless(head(), "[", 1_000),
    get: at("too little data in 10 s$"),
  },
  "a refusal that drips": {
    play: endless("HTTP/1.1 404 \r\n\r\n", "x", 1_000),
    get: at("too little data in 10 s$"),
    watch: /too little data in 10 s$/,
  },
  "a line that drips": {
    play: asked((isWatch) =>
      isWatch ? endless(STREAM + "data: ", "x", 1_000) : says(head(), "1")
    ),
    watch: /waiting for the first state$/,
  },
  "a stream that says nothing": {
    play: asked((isWatch) =>
      isWatch
        ? async (conn, path) => {
          await says(STREAM, frame("init", "{}"))(conn, path);
          await silence(conn, path);
        }
        : says(head(), "1")
    ),
    watch: /no data for 25 s$/,
  },
};

Deno.test("get and watch give up in time on a server that does not respond", async (t) => {
  await Promise.all(
    Object.entries(SLOW).map(([name, one]) =>
      t.step({
        name,
        fn: () => tryAll(one, 90),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      })
    ),
  );
});

Deno.test("how long a command waits is up to --timeout", async () => {
  await using server = new Hostile(silence);
  const addr = `--addr=${server.addr}`;
  const unknown = await run(10, "get", "zebra", addr, "--timeout=0.5s");
  assertMatch(
    unknown.stderr,
    /"zebra", and no lainlet responds at \S+: no data for 0\.5 s \(/,
  );
  const [watch, ...all] = await Promise.all(
    ["watch nodes", "get nodes", "status", "pods", "changes"].map(
      async (line) => {
        const words = [...line.split(" "), addr, "--timeout=0.5s"];
        if (!line.startsWith("watch")) return await run(10, ...words);
        await using program = client(...words);
        return await eventually(
          "it says so",
          () =>
            program.stderr.includes("\n")
              ? { code: 1, stdout: "", stderr: program.stderr }
              : undefined,
        );
      },
    ),
  );
  assertMatch(watch?.stderr ?? "", / http:\S+: no data for 0.5 s\n/);
  for (const { code, stdout, stderr } of all) {
    assertEquals([code, stdout], [1, ""]);
    assertLine(stderr, at("no data for 0.5 s$"));
  }
});

Deno.test("completion: a hanging server completes nothing", async () => {
  await using server = new Hostile(silence);
  const begin = performance.now();
  const words = ["__complete", "pods", `--addr=${server.addr}`, "s"];
  const { code, stdout, stderr } = await run(10, ...words);
  assertEquals([code, stdout, stderr], [0, ":4\n", ""]);
  // Far less than an answer that is waited for.
  assert(performance.now() - begin < 9_000);
});

Deno.test("a redirect is reported, and not followed", async () => {
  await using other = new Hostile(says(head(), "{}"));
  const location = `http://${other.addr}/\x9b2J`;
  await using server = new Hostile(
    says(`HTTP/1.1 302 \r\nLocation: ${location}\r\n\r\n`),
  );
  const line = new RegExp(`it redirects to http://${other.addr}/\\S*2J$`);
  await Promise.all([
    tryGet(line, server.addr, 10),
    tryWatch(line, false, server.addr, 10),
  ]);
  const { code, stderr } = await run(10, "status", `--addr=${server.addr}`);
  assertEquals(code, 1);
  assertLine(stderr, line);
  assertEquals(other.accepted, 0);
});

Deno.test("status is one line, too, where it is not lainlet's", async () => {
  const cases: [play: Play, line: RegExp][] = [
    [says(head(), "<html>"), at("it is not JSON$")],
    [says(head(), "1"), at("its /debug: Expected object$")],
    [says(head(), '{"store":{}}'), at("its /debug/\\S+: Expected ")],
    [says(head(), deep), unread("it is nested deeper than 500$")],
    [
      says("HTTP/1.1 404 \r\n\r\n\x1b[2J\n"),
      /^lainlet: http:\/\/127\.0\.0\.1:\d+ responds with HTTP 404: \\u\{1b\}\[2J$/,
    ],
  ];
  for (const [play, line] of cases) {
    await using server = new Hostile(play);
    const { code, stdout, stderr } = await run(
      10,
      "status",
      `--addr=${server.addr}`,
    );
    assertEquals([code, stdout], [1, ""]);
    assertLine(stderr, line);
  }
});

Deno.test("a terminal gets no control sequences of the server", async () => {
  const body = '\x1b[2J"\x9b\r\u202e\x07';
  await using server = new Hostile(says(head("text/plain"), body));
  for (const endpoint of ["version", "metrics"]) {
    const command = [...TARGETS.binary, "get", endpoint]
      .concat(`--addr=${server.addr}`).map((arg) => `'${arg}'`).join(" ");
    await using program = new Program("script", [
      "-qec",
      `env NO_COLOR=1 ${command}`,
      "/dev/null",
    ]);
    assertEquals((await program.ended()).code, 0);
    assertEquals(
      program.stdout,
      '\\u{1b}[2J"\\u{9b}\\u{d}\\u{202e}\\u{7}\r\n',
    );
  }
});

Deno.test("a server that ends each stream soon is retried with growing pauses", async () => {
  for (const frames of [frame("init", "{}"), "", frame("error", "x")]) {
    await using server = new Hostile(
      asked((isWatch) => says(isWatch ? STREAM : head(), frames)),
    );
    await using program = client("watch", "nodes", `--addr=${server.addr}`);
    await eventually("it asks", () => server.accepted > 0 || undefined);
    const begin = performance.now();
    // From 100 ms, each pause is twice as long: some 3 s for five of them, 6 s for the next ones.
    await eventually("it asks again", () => server.accepted > 8 || undefined);
    const time = performance.now() - begin;
    assert(time > (frames.includes("error") ? 500 : 3_000), `${time} ms`);
    assertEquals(program.stdout, frames.includes("init") ? "{}\n" : "");
  }
});
