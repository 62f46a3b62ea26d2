/**
 * The command line at the wrong address: whatever answers there, it says so
 * in one line and in time, and takes no more memory than it may.
 *
 * @module
 */
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { assertEquals } from "@std/assert";
import {
  asked,
  at,
  type Case,
  client,
  endless,
  frame,
  head,
  Hostile,
  type Play,
  refused,
  run,
  says,
  silence,
  STREAM,
  tryAll,
  unread,
  write,
} from "../util/hostile.ts";
import { eventually } from "../util/process.ts";

/** Zeros without end, of which a thousand are a byte: what a million of them is compressed to, again and again. */
const bomb: Play = async (conn) => {
  const zeros = deflateRawSync(new Uint8Array(1_000_000), {
    finishFlush: constants.Z_FULL_FLUSH,
  });
  await write(conn, head("application/json", "Content-Encoding: gzip\r\n"));
  await write(conn, gzipSync("").subarray(0, 10));
  for (;;) await write(conn, zeros);
};

const deep = "[".repeat(100_000) + "]".repeat(100_000);
const deepPatch = '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000);

const CASES: Record<string, Case> = {
  "no HTTP": {
    play: says("\x00\x1b[2J\x07 garbage\r\n\r\n"),
    get: at("."),
    watch: /./,
  },
  "nothing": { play: says(), get: at("."), watch: /./ },
  "headers without end": {
    play: endless("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
    get: at("."),
    watch: /./,
  },
  "one header without end": {
    play: endless("HTTP/1.1 200 OK\r\nX: ", "x"),
    get: at("."),
    watch: /./,
  },
  "a shorter body than announced": {
    play: says(head(undefined, "Content-Length: 999\r\n"), "{}"),
    get: at("."),
  },
  "a page": {
    play: says(head("text/html; charset=utf-8"), "<html>\x1b[2J</html>"),
    get: at("it is not JSON$"),
    watch: /it responds with "text\/html" instead of an event stream$/,
  },
  "a page of a type to be feared": {
    play: says(head("text/\x9bhtml\xff"), "<html>"),
    get: at("it is not JSON$"),
    watch: /it responds with "text\/.*html.*" instead of an event stream$/,
  },
  ...Object.fromEntries([101, 204, 304].map((status): [
    string,
    Case,
  ] => [
    `status ${status}`,
    {
      play: says(`HTTP/1.1 ${status} \x9b\r\nConnection: close\r\n\r\n`),
      get: at(`it responds with HTTP ${status}$`),
      watch: new RegExp(`it responds with HTTP ${status}$`),
    },
  ])),
  "an error without words": {
    play: says("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"),
    get: /^lainlet: HTTP 599$/,
    watch: /HTTP 599$/,
  },
  "an error with terrible words": {
    play: says("HTTP/1.1 500 \r\n\r\n\x1b]0;x\x07\x9b2J\n\nat foo.ts\u202e\n"),
    get:
      /^lainlet: \\u\{1b\}\]0;x\\u\{7\}(\\u\{9b\}|\ufffd)2J at foo.ts\\u\{202e\}$/,
    watch: /\\u\{1b\}\]0;x.* at foo.ts\\u\{202e\}$/,
  },
  "an error without end": {
    play: endless("HTTP/1.1 500 \r\n\r\n", "\x1b[31mx\n"),
    get: /^lainlet: (\\u\{1b\}\[31mx ){60,100}/,
    watch: /(\\u\{1b\}\[31mx ){60,100}/,
  },
  "a refusal without end": {
    play: endless("HTTP/1.1 404 \r\n\r\n", "<p>\n"),
    get: refused("(<p> ){100,200}"),
    watch: refused("(<p> ){100,200}"),
    isRefusal: true,
  },
  "a body without end": {
    play: endless(head(), "["),
    get: unread("the response is longer than 256 MB$"),
  },
  "a body of zeros": {
    play: bomb,
    get: unread("the response is longer than 256 MB$"),
  },
  "values without end": {
    play: asked((isWatch) =>
      isWatch
        ? says(STREAM, `data: [${"[],".repeat(10_000_000)}1]\n`, frame("x", ""))
        : says(head(), `[${"[],".repeat(10_000_000)}1]`)
    ),
    get: unread("it holds more than 16000000 values$"),
  },
  "values in values": {
    play: asked((isWatch) =>
      isWatch ? says(STREAM, frame("init", deep)) : says(head(), deep)
    ),
    get: unread("it is nested deeper than 500$"),
    watch: /the response cannot be read: it is nested deeper than 500$/,
  },
  "patches in patches": {
    play: says(STREAM, frame("init", "{}"), frame("patch", deepPatch)),
    watch: /the response cannot be read: it is nested deeper than 500$/,
  },
  "a patch of nothing": {
    play: says(STREAM, frame("patch", "{}")),
    watch: /a patch without a state to apply it to$/,
  },
  "a state that is not JSON": {
    play: says(STREAM, frame("init", "\x1b[2J<html>")),
    watch: /it is not JSON$/,
  },
  "a line without end": {
    play: endless(STREAM + "data: ", "x"),
    watch: /an event is longer than 256 MB$/,
  },
  "lines without end": {
    play: endless(STREAM, "data: x\n"),
    watch: /an event has more than 1000000 lines$/,
  },
  "empty lines of data without end": {
    play: endless(STREAM, "data\n"),
    watch: /an event has more than 1000000 lines$/,
  },
  "lines of no meaning without end": {
    play: endless(STREAM, ":\n"),
    watch: /an event has more than 1000000 lines$/,
  },
  "a name without end": {
    play: endless(STREAM + "event: ", "\x1b"),
    watch: /an event is longer than 256 MB$/,
  },
  "a terrible error in a stream that stays open": {
    play: async (conn, path) => {
      const words = `\x1b[2J\u009b${"x".repeat(1_000_000)}`;
      await says(STREAM, frame("error", words))(conn, path);
      await silence(conn, path);
    },
    watch: /\\u\{1b\}\[2J\\u\{9b\}x{400,500}…$/,
  },
};

Deno.test("get and watch report any wrong response in one line, and stay within limits", async (t) => {
  // As many at a time as keep the cores busy.
  const waiting = Object.entries(CASES);
  const lane = async () => {
    for (let next; (next = waiting.shift()) !== undefined;) {
      const [name, one] = next;
      await t.step({
        name,
        fn: () => tryAll(one, 60),
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      });
    }
  };
  await Promise.all(Array.from({ length: 3 }, lane));
});

Deno.test("large responses are accepted", async () => {
  const nodes = Object.fromEntries(
    Array.from({ length: 30_000 }, (_, i) => [`node${i}`, "x".repeat(1_000)]),
  );
  const state = JSON.stringify(nodes);
  await using server = new Hostile(
    asked((isWatch) =>
      isWatch ? says(STREAM, frame("init", state)) : says(head(), state)
    ),
  );
  const { code, stdout } = await run(
    30,
    "get",
    "nodes",
    `--addr=${server.addr}`,
  );
  assertEquals([code, stdout.length], [0, state.length + 1]);
  await using program = client("watch", "nodes", `--addr=${server.addr}`);
  await eventually(
    "it is there",
    () => program.stdout.length > state.length || undefined,
    30_000,
  );
});
