/**
 * Frames, settings and error codes of HTTP/2.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-6
 * @module
 */
import { Splitter } from "./splitter.ts";

/** Error codes: RFC 9113, 7. */
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

/** An error that ends the connection: RFC 9113, 5.4.1. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";

  constructor(readonly code: ErrorCode, message: string) {
    super(message);
  }
}

/** Types of frames: RFC 9113, 6. */
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

/** Flags of frames; their meaning depends on the type. */
export const FLAG = {
  /** Of DATA and HEADERS. */
  endStream: 1,
  /** Of SETTINGS and PING. */
  ack: 1,
  /** Of HEADERS and CONTINUATION. */
  endHeaders: 4,
  padded: 8,
  priority: 32,
} as const;

/** The first bytes of a client: RFC 9113, 3.4. */
export const PREFACE = new TextEncoder().encode(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
);

/** Size of a frame header, in bytes. */
export const FRAME_HEADER_SIZE = 9;

/** The largest payload that every peer accepts, in bytes. */
export const MAX_PAYLOAD = 16_384;

/** The initial window of a connection and of each stream, in bytes. */
export const INITIAL_WINDOW = 65_535;

/** The largest window, in bytes: RFC 9113, 6.9.1. */
export const MAX_WINDOW = 2 ** 31 - 1;

const EMPTY: Uint8Array = new Uint8Array(0);

/** A received frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 for the connection. */
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** Writes a frame header. */
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

/** Encodes a frame. */
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

/** Returns the size of a payload, in bytes, with the headers of the frames that carry it. */
export function sizeWithFrameHeaders(length: number): number {
  return length +
    FRAME_HEADER_SIZE * Math.max(1, Math.ceil(length / MAX_PAYLOAD));
}

/** Encodes 32-bit numbers, in network byte order. */
export function encodeUint32s(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setUint32(4 * i, number));
  return bytes;
}

/** Reads a 32-bit number. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

/** Splits a byte stream into frames. */
export class FrameReader {
  readonly #frames = new Splitter(FRAME_HEADER_SIZE, payloadLength);

  /** Memory held for an incomplete frame, in bytes. */
  get heldBytes(): number {
    return this.#frames.heldBytes;
  }

  /**
   * Yields the frames that are complete; each is valid until the next one is requested.
   *
   * @throws {ConnectionError} if one is larger than {@linkcode MAX_PAYLOAD}
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
    throw new ConnectionError(ERROR.frameSize, "frame too large");
  }
  return length;
}

/** Concatenates two byte arrays. */
export function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * Returns the payload of a frame without its padding.
 *
 * @param min minimum size without the padding, in bytes
 * @throws {ConnectionError} if it is shorter than that
 */
export function withoutPadding(
  { flags, payload }: Frame,
  min = 0,
): Uint8Array {
  const from = flags & FLAG.padded ? 1 : 0;
  const room = payload.length - from - min;
  if (room < 0) throw new ConnectionError(ERROR.frameSize, "frame too short");
  if (from === 0) return payload;
  const [padding = 0] = payload;
  if (padding > room) {
    throw new ConnectionError(ERROR.protocol, "padding larger than the frame");
  }
  return payload.subarray(from, payload.length - padding);
}

/** What is required of frames of one type. */
interface FrameRule {
  /** What they apply to; undefined for either. */
  readonly scope?: "connection" | "stream";
  /** Exact size of the payload, in bytes. */
  readonly length?: number;
  /** Minimum size of the payload, in bytes. */
  readonly minLength?: number;
}

/** RFC 9113, 6. A PRIORITY of a wrong size is only a stream error. */
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
 * Checks the stream id and the size of a frame, as far as they depend on its type
 * alone.
 *
 * @throws {ConnectionError} if one is invalid
 */
export function checkFrame({ type, stream, payload: { length } }: Frame): void {
  const rule = RULES.get(type);
  if (rule === undefined) return;
  if (rule.scope === "stream" && stream === 0) {
    throw new ConnectionError(ERROR.protocol, "frame without a stream");
  }
  if (rule.scope === "connection" && stream !== 0) {
    throw new ConnectionError(ERROR.protocol, "frame with a stream");
  }
  if (length !== (rule.length ?? length) || length < (rule.minLength ?? 0)) {
    throw new ConnectionError(ERROR.frameSize, "frame of a wrong size");
  }
}

/**
 * Identifiers of settings.
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

/** Size of a setting, in bytes: its identifier and its value. */
const SETTING_SIZE = 6;

type Setting = readonly [id: number, value: number];

/** Encodes a SETTINGS frame. */
export function settingsFrame(settings: readonly Setting[]): Uint8Array {
  const payload = new Uint8Array(SETTING_SIZE * settings.length);
  const view = new DataView(payload.buffer);
  settings.forEach(([id, value], i) => {
    view.setUint16(SETTING_SIZE * i, id);
    view.setUint32(SETTING_SIZE * i + 2, value);
  });
  return encodeFrame(TYPE.settings, 0, 0, payload);
}

/** Largest valid SETTINGS_MAX_FRAME_SIZE, in bytes. */
const MAX_FRAME_SIZE = 2 ** 24 - 1;

/**
 * Yields the settings of a payload, in order.
 *
 * @throws {ConnectionError} if one is truncated, or its value is invalid
 */
export function* parseSettings(payload: Uint8Array): Generator<Setting> {
  if (payload.length % SETTING_SIZE !== 0) {
    throw new ConnectionError(ERROR.frameSize, "truncated SETTINGS");
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
    throw new ConnectionError(ERROR.protocol, "ENABLE_PUSH must be 0 or 1");
  }
  if (id === SETTING.initialWindowSize && value > MAX_WINDOW) {
    throw new ConnectionError(
      ERROR.flowControl,
      "INITIAL_WINDOW_SIZE out of range",
    );
  }
  if (
    id === SETTING.maxFrameSize &&
    (value < MAX_PAYLOAD || value > MAX_FRAME_SIZE)
  ) {
    throw new ConnectionError(ERROR.protocol, "MAX_FRAME_SIZE out of range");
  }
}
