const HEADER = 9;
const DATA = 0;

/**
 * Drops frames of an HTTP/2 connection: made for gRPC messages that are small
 * enough for one DATA frame each.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-4.1
 */
export class FrameFilter {
  #rest = new Uint8Array();

  /** @param passes says what becomes of a DATA frame, by its payload */
  constructor(private readonly passes: (message: Uint8Array) => boolean) {}

  /** The bytes that are left of these; what is not a whole frame waits for the next ones. */
  filter(bytes: Uint8Array): Uint8Array {
    let rest = join(this.#rest, bytes);
    const kept: Uint8Array[] = [];
    while (rest.length >= HEADER) {
      const [a = 0, b = 0, c = 0, type] = rest;
      const length = HEADER + (a << 16 | b << 8 | c);
      if (rest.length < length) break;
      const frame = rest.subarray(0, length);
      if (type !== DATA || this.passes(frame.subarray(HEADER))) {
        kept.push(frame);
      }
      rest = rest.subarray(length);
    }
    this.#rest = rest.slice();
    return join(...kept);
  }
}

/** Whether a message of etcd's is an answer of the Watch service; others have no field of that kind after the header. */
export function isWatchResponse(message: Uint8Array): boolean {
  return ["watch_id", "created", "events"].includes(secondField(message));
}

/** Whether a message of etcd's carries events. */
export function hasEvents(message: Uint8Array): boolean {
  const text = new TextDecoder().decode(message);
  return isWatchResponse(message) && text.includes("/lain/");
}

/**
 * The field that follows the header in a message of etcd's.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
function secondField(message: Uint8Array): string {
  // 5 bytes of gRPC, then the header: its tag, its length, itself.
  const [tag, length = 0] = message.subarray(5);
  if (tag !== 0x0a) return "";
  const next = message[5 + 2 + length];
  if (next === 0x10) return "watch_id";
  if (next === 0x18) return "created";
  return next === 0x5a ? "events" : "";
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
