import { FRAME_HEAD, MAX_PAYLOAD, putHead, TYPE } from "./frame.ts";
import type { Part } from "./stream.ts";

/** For how many stream numbers frames are kept: most connections have one stream, their first or second. */
const NUMBERS = 4;

/** A body's frames for the streams of one number. */
interface Framed {
  readonly id: number;
  readonly frames: Uint8Array;
}

const framed = new WeakMap<Uint8Array, Framed[]>();

/** Whether {@linkcode framesOf} gives all streams of this number the same bytes, and not a copy each. */
export function isShared(bytes: Uint8Array, id: number): boolean {
  const all = framed.get(bytes) ?? [];
  return all.length < NUMBERS || all.some((one) => one.id === id);
}

/** The frames that carry all that a stream was given to send. */
export function framesOf(part: Part): Uint8Array {
  const { bytes, stream: { id } } = part;
  const all = framed.get(bytes) ?? [];
  const known = all.find((one) => one.id === id);
  if (known !== undefined) return known.frames;
  const frames = new Uint8Array(framedSize(bytes.length));
  putFrames(frames, 0, part);
  if (all.length < NUMBERS) framed.set(bytes, [...all, { id, frames }]);
  return frames;
}

/** How many bytes there are with the heads of the frames. */
export function framedSize(length: number): number {
  return length + FRAME_HEAD * Math.max(1, Math.ceil(length / MAX_PAYLOAD));
}

/** Writes a part into a buffer, in as many frames as it takes. @returns where they end */
export function putFrames(
  buffer: Uint8Array,
  at: number,
  { bytes, stream, end }: Part,
): number {
  let from = 0;
  do {
    const payload = bytes.length <= MAX_PAYLOAD
      ? bytes
      : bytes.subarray(from, from + MAX_PAYLOAD);
    putHead(buffer, at, payload.length, TYPE.data, 0, stream.id);
    buffer.set(payload, at + FRAME_HEAD);
    at += FRAME_HEAD + payload.length;
    from += payload.length;
  } while (from < bytes.length);
  if (end === undefined) return at;
  buffer.set(end, at);
  return at + end.length;
}
