import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseBounded } from "../../lib/client/limits.ts";
import { MAX_DEPTH, MAX_NAME_LENGTH } from "../../lib/client/limits.ts";
import { EventParser, type StreamEvent } from "../../lib/client/parser.ts";
import type { Check } from "./check.ts";
import { json } from "./json.ts";

/** The most that an event may hold here, in bytes. */
const LIMIT = 200;

/** What streams are made of, well and badly. */
const pieces = fc.oneof(
  fc.constantFrom("\n", "\r", "\r\n", "\n\n", ":", " ", "\ufeff", "data"),
  fc.constantFrom("data: ", "data:", "event: ", "event", "id: 1", ": x"),
  fc.constantFrom("id: 1\nevent: init\ndata: {}\n\n"),
  fc.string({ unit: "binary", maxLength: 10 }),
).map((text) => new TextEncoder().encode(text));

const streams = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: pieces },
    fc.uint8Array({ maxLength: 8 }),
  ),
  { maxLength: 40, size: "max" },
).map((all) => Uint8Array.from(all.flatMap((bytes) => [...bytes])));

/** The events of a stream in pieces of these sizes, and why there are no more. */
function read(
  bytes: Uint8Array,
  sizes: readonly number[],
  limit?: number,
): { events: StreamEvent[]; error?: string } {
  const parser = new EventParser(limit);
  const events: StreamEvent[] = [];
  try {
    for (let i = 0, n = 0; i < bytes.length || n < sizes.length; n++) {
      const size = sizes[n] ?? bytes.length;
      for (const event of parser.push(bytes.subarray(i, i + size))) {
        events.push(event);
      }
      i += size;
    }
  } catch (error) {
    return { events, error: messageOf(error) };
  }
  return { events };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same by the words of the specification, for a stream that is at hand as a whole. */
function readSimply(bytes: Uint8Array): StreamEvent[] {
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/).slice(
    0,
    -1,
  );
  const events: StreamEvent[] = [];
  let [event, data] = ["", ""];
  for (const line of lines) {
    const [, name = line, value = ""] = /^(.*?): ?(.*)$/s.exec(line) ?? [];
    if (line === "") {
      if (data !== "") {
        const text = data.slice(0, -1);
        events.push({ event: event || "message", data: text, etag: undefined });
      }
      [event, data] = ["", ""];
    } else if (name === "data") data += `${value}\n`;
    else if (name === "event") event = value.slice(0, MAX_NAME_LENGTH);
  }
  return events;
}

/** A stream's events are those of the specification, however it is cut. */
export async function frames(check: Check): Promise<void> {
  const sizes = fc.array(fc.nat({ max: 20 }), { maxLength: 30 });
  await check(fc.property(streams, sizes, (bytes, sizes) => {
    const whole = read(bytes, []);
    assertEquals(whole, { events: readSimply(bytes) });
    assertEquals(read(bytes, sizes), whole);
    const bounded = read(bytes, [], LIMIT);
    assertEquals(read(bytes, sizes, LIMIT), bounded);
    assertEquals(
      bounded.error,
      bounded.error && `an event is longer than ${LIMIT} bytes`,
    );
    assertEquals(bounded.events, whole.events.slice(0, bounded.events.length));
    if (bounded.error === undefined) assertEquals(bounded, whole);
  }));
}

/** What an event or an answer holds is a value, or one of three errors. */
export async function values(check: Check): Promise<void> {
  const deep = fc.nat({ max: 1_000 }).map((n) => "[".repeat(n) + "]".repeat(n));
  const texts = fc.oneof(json, fc.string({ unit: "binary" }), deep);
  await check(fc.property(fc.array(texts, { maxLength: 3 }), (parts) => {
    const text = parts.join("");
    let [value, error]: [unknown, string?] = [undefined];
    try {
      value = parseBounded(text, JSON.parse);
    } catch (thrown) {
      error = messageOf(thrown);
    }
    if (error === undefined) {
      assert(depthOf(value) <= MAX_DEPTH, "it is nested too deep");
      return assertEquals(
        JSON.stringify(value),
        JSON.stringify(JSON.parse(text)),
      );
    }
    assert(/^it (is not JSON|is nested deeper than 500)$/.test(error));
  }));
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
