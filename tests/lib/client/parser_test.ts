import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventParser } from "../../../lib/client/parser.ts";

const encoder = new TextEncoder();

/** The events of a stream that is read in chunks of a size. */
function read(
  stream: string | Uint8Array,
  size = Infinity,
  parser = new EventParser(),
): [event: string, text: string][] {
  const bytes = typeof stream === "string" ? encoder.encode(stream) : stream;
  const events: [string, string][] = [];
  for (let i = 0; i < bytes.length; i += size) {
    for (
      const { event, data: text } of parser.push(bytes.subarray(i, i + size))
    ) {
      events.push([event, text]);
    }
  }
  return events;
}

Deno.test("event stream: it is parsed as WHATWG specifies, in chunks of any size", () => {
  const cases: [stream: string, ...events: [event: string, text: string][]][] =
    [
      ["id: 1\nevent: init\ndata: {}\n\n", ["init", "{}"]],
      // The examples of the specification.
      ["data: YHOO\ndata: +2\ndata: 10\n\n", ["message", "YHOO\n+2\n10"]],
      [
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        ["message", "first event"],
        ["message", "second event"],
        ["message", " third event"],
      ],
      [
        "data\n\ndata\ndata\n\ndata:",
        ["message", ""],
        ["message", "\n"],
      ],
      ["data:test\n\ndata: test\n\n", ["message", "test"], ["message", "test"]],
      // All three line ends, also mixed.
      ["data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["message", "a"], [
        "message",
        "b",
      ], ["message", "c"]],
      ["data: a\r\ndata: b\r\n\r\n", ["message", "a\nb"]],
      ["\r\n\r\n\n\r\n"],
      // An event without data is dropped, with its name.
      ["event: heartbeat\n\ndata: a\n\n", ["message", "a"]],
      ["event: a\nevent: b\ndata: 1\n\n", ["b", "1"]],
      ["data: a\nevent: late\n\n", ["late", "a"]],
      // An event without its blank line is dropped.
      ["data: a\n"],
      ["data: a"],
      // Unknown fields, and names that only start like a known one.
      ["datab: 1\n data: 2\nDATA: 3\nretry: 4\n: data\n\n"],
      ["data: a: b\n\n", ["message", "a: b"]],
      // A byte order mark counts at the start of the stream only.
      ["\ufeffdata: a\n\n", ["message", "a"]],
      ["\ufeff\ndata: \ufeffa\n\n", ["message", "\ufeffa"]],
      ["data: a\n\n\ufeffdata: b\n\n", ["message", "a"]],
      ["data: é☃😀\n\n", ["message", "é☃😀"]],
    ];
  for (const [stream, ...events] of cases) {
    for (const size of [Infinity, 1, 2, 3, 5]) {
      assertEquals(read(stream, size), events, JSON.stringify([stream, size]));
    }
  }
});

Deno.test("event stream: lainlet's comments are read, in chunks of any size", () => {
  const tag = '"abc-_"';
  const stream =
    `: etag ${tag}\n: revision 7\nid: 1\nevent: init\ndata: 1\n\n` +
    ":\n: etagx\ndata: 2\n\n" +
    `: etag ${tag}\n: unchanged\n\n` +
    `: etag ${"x".repeat(1_000)}\ndata: 3\n\n`;
  for (const size of [1, 3, 1_000]) {
    const parser = new EventParser();
    const bytes = encoder.encode(stream);
    const events = [];
    for (let i = 0; i < bytes.length; i += size) {
      events.push(...parser.push(bytes.subarray(i, i + size)));
    }
    assertEquals(events, [
      { event: "init", data: "1", etag: tag },
      { event: "message", data: "2", etag: undefined },
      { event: "unchanged", data: "", etag: tag },
      { event: "message", data: "3", etag: undefined },
    ]);
  }
});

Deno.test("event stream: invalid UTF-8 is replaced", () => {
  const bytes = Uint8Array.of(
    ...encoder.encode("data: "),
    0xff,
    0xe2,
    0x98,
    ...encoder.encode("\n\n"),
  );
  for (const size of [Infinity, 1]) {
    assertEquals(read(bytes, size), [["message", "\ufffd\ufffd"]]);
  }
});

Deno.test("event stream: an event has a limit, a stream has none", () => {
  const events = "data: 1234\n\n".repeat(100);
  assertEquals(read(events, 7, new EventParser(20)).length, 100);
  const tooLong = [
    "x".repeat(21),
    `data: ${"x".repeat(15)}`,
    "data: 1\n".repeat(20),
    "data\n".repeat(30),
    ": 1234\n".repeat(9) + ":".repeat(30),
  ];
  for (const stream of tooLong) {
    for (const size of [Infinity, 1]) {
      assertThrows(
        () => read(`data: a\n\n${stream}`, size, new EventParser(20)),
        Error,
        "an event is longer than 20 bytes",
      );
    }
  }
  assertThrows(
    () => read("data\n".repeat(1_000_001)),
    Error,
    "an event has more than 1000000 lines",
  );
  // An ignored line counts until its end only.
  assertEquals(read(": 1234\n".repeat(100), 7, new EventParser(20)), []);
});

Deno.test("event stream: the cost is linear in the bytes", () => {
  const time = (stream: string, size: number) => {
    const bytes = encoder.encode(stream);
    const begin = performance.now();
    assertEquals(read(bytes, size).length > 0, true);
    return performance.now() - begin;
  };
  const streams: [make: (n: number) => string, n: number, size: number][] = [
    [(n) => `data: ${"x".repeat(n)}\n\n`, 30_000_000, 64 * 1024],
    [(n) => `data: ${"x".repeat(n)}\n\n`, 1_000_000, 1],
    [(n) => "data: 1\n\n".repeat(n), 200_000, Infinity],
    [(n) => "data: 1\r\n".repeat(n) + "\r\n", 500_000, Infinity],
  ];
  for (const [make, n, size] of streams) {
    // Ten times as long, where a quadratic one takes a hundred times; whoever
    // else needs the machine may be in the way once, and not each time.
    const isLinear = () =>
      time(make(n), size) < 40 * time(make(n / 10), size) + 200;
    assert(isLinear() || isLinear() || isLinear(), `${make(1)} ${n}`);
  }
});
