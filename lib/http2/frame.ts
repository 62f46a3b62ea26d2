import { Splitter } from "./splitter.ts";

/** Why a stream or a connection ends: RFC 9113, 7. */
export const ERROR = {
  none: 0,
  protocol: 1,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export type ErrorCode = typeof ERROR[keyof typeof ERROR];

/** What breaks a connection. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(readonly code: ErrorCode, message: string) {
    super(message);
  }
}

/**
 * The frames of HTTP/2.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-6
 */
export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = {
  /** Of data and headers. */
  endStream: 1,
  /** Of settings and ping. */
  ack: 1,
  /** Of headers and continuation. */
  endHeaders: 4,
  padded: 8,
  priority: 32,
} as const;

/** What a client sends first: RFC 9113, 3.4. */
export const PREFACE = new TextEncoder().encode(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
);

/** How long what stands before a frame's payload is, in bytes. */
export const FRAME_HEADER_SIZE = 9;

/** The longest payload that every peer takes, in bytes. */
export const MAX_PAYLOAD = 16_384;

/** What a connection may send at first, in bytes, and each stream. */
export const INITIAL_WINDOW = 65_535;

/** The largest window: RFC 9113, 6.9.1. */
export const MAX_WINDOW = 2 ** 31 - 1;

const EMPTY: Uint8Array = new Uint8Array(0);

/** A frame, as it was sent. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection. */
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** Writes what stands before a frame's payload. */
export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  bytes[at] = length >> 16;
  bytes[at + 1] = length >> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = stream >> 24;
  bytes[at + 6] = stream >> 16;
  bytes[at + 7] = stream >> 8;
  bytes[at + 8] = stream;
}

/** A frame as bytes. */
export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = EMPTY,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, FRAME_HEADER_SIZE);
  return bytes;
}

/** How many bytes there are with the heads of the frames. */
export function sizeWithFrameHeaders(length: number): number {
  return length +
    FRAME_HEADER_SIZE * Math.max(1, Math.ceil(length / MAX_PAYLOAD));
}

/** Numbers of 32 bits, one after the other. */
export function encodeUint32s(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setUint32(4 * i, number));
  return bytes;
}

/** The number of 32 bits at a place. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

/** Splits what arrives into frames. */
export class FrameReader {
  readonly #frames = new Splitter(FRAME_HEADER_SIZE, payloadLength);

  /** Memory that is kept for frames that are not whole yet, in bytes. */
  get heldBytes(): number {
    return this.#frames.heldBytes;
  }

  /**
   * The frames that are whole now; each is valid until the next one is asked for.
   *
   * @throws {ConnectionError} when one is longer than {@linkcode MAX_PAYLOAD}
   */
  *push(chunk: Uint8Array): Generator<Frame> {
    for (const bytes of this.#frames.push(chunk)) {
      const [, , , type = 0, flags = 0] = bytes;
      yield {
        type,
        flags,
        stream: uint32At(bytes, 5) & MAX_WINDOW,
        payload: bytes.subarray(FRAME_HEADER_SIZE),
      };
    }
  }
}

function payloadLength([a = 0, b = 0, c = 0]: Uint8Array): number {
  const length = a << 16 | b << 8 | c;
  if (length > MAX_PAYLOAD) {
    throw new ConnectionError(ERROR.frameSize, "too long a frame");
  }
  return length;
}

/** One after the other. */
export function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * What a frame carries, without its padding.
 *
 * @param least how many bytes it must carry
 * @throws {ConnectionError} when the frame is too short for them, or its
 * padding takes their place
 */
export function withoutPadding(
  { flags, payload }: Frame,
  least = 0,
): Uint8Array {
  const from = flags & FLAG.padded ? 1 : 0;
  const room = payload.length - from - least;
  if (room < 0) throw new ConnectionError(ERROR.frameSize, "too short a frame");
  if (from === 0) return payload;
  const [padding = 0] = payload;
  if (padding > room) {
    throw new ConnectionError(ERROR.protocol, "more padding than frame");
  }
  return payload.subarray(from, payload.length - padding);
}

/** What frames of one type must be like. */
interface FrameRule {
  /** What they apply to; undefined: either. */
  readonly scope?: "connection" | "stream";
  /** The only length of the payload, or the least one, in bytes. */
  readonly length?: number;
  readonly minLength?: number;
}

/** RFC 9113, 6. PRIORITY has a length too, but a wrong one breaks its stream only. */
const RULES: ReadonlyMap<number, FrameRule> = new Map<number, FrameRule>([
  [TYPE.data, { scope: "stream" }],
  [TYPE.headers, { scope: "stream" }],
  [TYPE.priority, { scope: "stream" }],
  [TYPE.rstStream, { scope: "stream", length: 4 }],
  [TYPE.settings, { scope: "connection" }],
  [TYPE.ping, { scope: "connection", length: 8 }],
  [TYPE.goaway, { scope: "connection", minLength: 8 }],
  [TYPE.windowUpdate, { length: 4 }],
  [TYPE.continuation, { scope: "stream" }],
]);

/**
 * Checks what can be checked without knowing the connection's state.
 *
 * @throws {ConnectionError} when frames of this type need another stream
 * identifier or length
 */
export function checkFrame({ type, stream, payload: { length } }: Frame): void {
  const rule = RULES.get(type);
  if (rule === undefined) return;
  if (rule.scope === "stream" && stream === 0) {
    throw new ConnectionError(ERROR.protocol, "a frame names no stream");
  }
  if (rule.scope === "connection" && stream !== 0) {
    throw new ConnectionError(ERROR.protocol, "a frame names a stream");
  }
  if (length !== (rule.length ?? length) || length < (rule.minLength ?? 0)) {
    throw new ConnectionError(ERROR.frameSize, "a frame of the wrong length");
  }
}

/**
 * What one end of a connection tells the other of itself.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2
 */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** How long a setting is, in bytes: its identifier, and its value. */
const SETTING_SIZE = 6;

type Setting = readonly [id: number, value: number];

/** A frame that tells settings. */
export function settingsFrame(settings: readonly Setting[]): Uint8Array {
  const payload = new Uint8Array(SETTING_SIZE * settings.length);
  const view = new DataView(payload.buffer);
  settings.forEach(([id, value], i) => {
    view.setUint16(SETTING_SIZE * i, id);
    view.setUint32(SETTING_SIZE * i + 2, value);
  });
  return encodeFrame(TYPE.settings, 0, 0, payload);
}

/** The largest payload of a frame that a peer can allow, in bytes. */
const MAX_FRAME_SIZE = 2 ** 24 - 1;

/**
 * The settings of a frame, in order.
 *
 * @throws {ConnectionError} when a setting is cut off or has no valid value
 */
export function* parseSettings(payload: Uint8Array): Generator<Setting> {
  if (payload.length % SETTING_SIZE !== 0) {
    throw new ConnectionError(ERROR.frameSize, "settings are cut off");
  }
  const view = new DataView(payload.buffer, payload.byteOffset);
  for (let at = 0; at < payload.length; at += SETTING_SIZE) {
    const [id, value] = [view.getUint16(at), view.getUint32(at + 2)];
    checkSetting(id, value);
    yield [id, value];
  }
}

function checkSetting(id: number, value: number): void {
  if (id === SETTING.enablePush && value > 1) {
    throw new ConnectionError(ERROR.protocol, "ENABLE_PUSH is 0 or 1");
  }
  if (id === SETTING.initialWindowSize && value > MAX_WINDOW) {
    throw new ConnectionError(ERROR.flowControl, "too large a first window");
  }
  if (
    id === SETTING.maxFrameSize &&
    (value < MAX_PAYLOAD || value > MAX_FRAME_SIZE)
  ) {
    throw new ConnectionError(ERROR.protocol, "MAX_FRAME_SIZE out of range");
  }
}
