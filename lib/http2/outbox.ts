import {
  FRAME_HEADER_SIZE,
  INITIAL_WINDOW,
  MAX_PAYLOAD,
  MAX_WINDOW,
  sizeWithFrameHeaders,
  TYPE,
  writeFrameHeader,
} from "./frame.ts";
import { bufferCost, type Quota } from "./quota.ts";
import type { BodyChunk, Http2Stream } from "./stream.ts";

/** How much is handed to the system at a time, about, in bytes. */
const BATCH_SIZE = 64 * 1024;

/** What a part counts besides its bytes: thousands of one byte each are no small batch. */
const CHUNK_COST = 256;

/** Up to so many bytes are sent at a time where streams share the frames: copies of that length would be too much memory. */
const MAX_SHARED_BATCH = 1024 * 1024;

/** How much may wait to be sent besides bodies, in bytes: a peer that does not read it is disconnected. */
const MAX_CONTROL = 1024 * 1024;

/** While more than that waits, nothing is read of the peer, in bytes: much of what it sends is answered. */
const HIGH_WATER_MARK = 64 * 1024;

/** What a connection sends: frames that cannot wait, and then bodies, as there is room for them. */
export class Outbox {
  /** Streams that may have something to send; the first one is served next. */
  readonly #ready = new Set<Http2Stream>();
  /** Streams that have something to send, and no room for it. */
  readonly #blocked = new Set<Http2Stream>();
  /** All streams may have got room. */
  #mustRecheckBlocked = false;
  #control: Uint8Array[] = [];
  #controlSize = 0;
  #window = INITIAL_WINDOW;
  #isFlushing = false;
  #isClosed = false;
  #drained?: PromiseWithResolvers<void>;
  /** The peer took something since the last look. */
  #hasProgress = false;
  /** For how long it has taken nothing, in ms, as far as that was looked at. */
  #stalledFor = 0;

  /**
   * @param onIdle called when all was sent
   * @param onError called when no more can be sent
   */
  constructor(
    private readonly conn: Deno.Conn,
    private readonly quota: Quota,
    private readonly onIdle: () => void,
    private readonly onError: () => void,
  ) {}

  /** Sends a frame before all bodies. */
  sendControl(frame: Uint8Array): void {
    if (this.#isClosed) return;
    const size = this.#controlSize + frame.length;
    const isWithin = size <= MAX_CONTROL &&
      this.quota.reserve(bufferCost(size) - bufferCost(this.#controlSize));
    if (!isWithin) return this.onError();
    this.#control.push(frame);
    this.#controlSize = size;
    this.flush();
  }

  /** Resolves when enough of what waits was sent for the peer to be read again; undefined: it is to be read now. */
  drained(): Promise<void> | undefined {
    if (this.#controlSize <= HIGH_WATER_MARK) return undefined;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** @param elapsed since the last call, in ms @returns for how long the peer has taken nothing of what is sent, in ms */
  tick(elapsed: number): number {
    const isStalled = this.#isFlushing && !this.#hasProgress;
    this.#stalledFor = isStalled ? this.#stalledFor + elapsed : 0;
    this.#hasProgress = false;
    return this.#stalledFor;
  }

  /** A stream has something to send, or room for it. */
  schedule(stream: Http2Stream): void {
    this.#blocked.delete(stream);
    this.#ready.add(stream);
    this.flush();
  }

  remove(stream: Http2Stream): void {
    this.#ready.delete(stream);
    this.#blocked.delete(stream);
  }

  /** All streams may have room for more: they are looked at once, however often that is said meanwhile. */
  recheckBlocked(): void {
    this.#mustRecheckBlocked = true;
    this.flush();
  }

  /** The peer has room for more. @returns false when that is more than there can be */
  growWindow(by: number): boolean {
    this.#window += by;
    this.flush();
    return this.#window <= MAX_WINDOW;
  }

  /** Sends nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#ready.clear();
    this.#blocked.clear();
    this.#takeControl();
  }

  /** Takes what waits besides bodies. */
  #takeControl(): Uint8Array[] {
    const control = this.#control;
    this.quota.release(bufferCost(this.#controlSize));
    this.#control = [];
    this.#controlSize = 0;
    this.#drained?.resolve();
    this.#drained = undefined;
    return control;
  }

  /** Sends what there is to send, soon: what comes meanwhile goes along. */
  flush(): void {
    if (this.#isFlushing || this.#isClosed) return;
    this.#isFlushing = true;
    queueMicrotask(this.#write);
  }

  readonly #write = async (): Promise<void> => {
    const { slice } = this.quota;
    try {
      for (let isFirst = true;; isFirst = false) {
        if (!isFirst && slice.isLong && this.#hasMore) await slice.next();
        // A clock is too dear for the one body that most connections carry.
        const isLone = isFirst && this.#ready.size === 1 &&
          this.#controlSize === 0;
        const begin = isLone || !this.#hasMore ? undefined : performance.now();
        const parts = this.#collect(BATCH_SIZE - this.#controlSize);
        const [part] = parts;
        if (part === undefined && this.#controlSize === 0) break;
        if (
          part?.isWhole && part.trailers === undefined && parts.length === 1 &&
          this.#controlSize === 0
        ) {
          await this.#send(framesOf(part));
        } else {
          const sending = this.#sendBatch(parts);
          if (begin !== undefined) slice.spend(performance.now() - begin);
          await sending;
        }
        this.#hasProgress = true;
        for (const part of parts) part.stream.sent(part);
      }
      this.#isFlushing = false;
      this.onIdle();
    } catch {
      this.onError();
    }
  };

  get #hasMore(): boolean {
    return this.#controlSize > 0 || this.#ready.size > 0;
  }

  /** Sends what waits besides bodies, and parts of bodies. */
  async #sendBatch(parts: readonly BodyChunk[]): Promise<void> {
    let size = this.#controlSize;
    const control = this.#takeControl();
    for (const { bytes, trailers: end } of parts) {
      size += sizeWithFrameHeaders(bytes.length) + (end?.length ?? 0);
    }
    const buffer = takeBuffer(size);
    let at = 0;
    for (const frame of control) {
      buffer.set(frame, at);
      at += frame.length;
    }
    for (const part of parts) at = writeFrames(buffer, at, part);
    await this.#send(buffer.subarray(0, size));
    returnBuffer(buffer);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    let at = await this.conn.write(bytes);
    while (at < bytes.length) {
      this.#hasProgress = true;
      at += await this.conn.write(bytes.subarray(at));
    }
  }

  /** How much a stream may send that nobody waits for: all, where that needs no copy. */
  #maxShareOfOnlyStream(): number {
    const [stream] = this.#ready;
    const whole = stream?.wholeBody;
    if (stream === undefined || whole === undefined) return BATCH_SIZE;
    const isWithin = whole.length <= Math.min(MAX_SHARED_BATCH, this.#window);
    return isWithin && canShareFrames(whole, stream.id)
      ? whole.length
      : BATCH_SIZE;
  }

  /** What streams have to send, and there is room for. @param room about how many bytes */
  #collect(room: number): BodyChunk[] {
    const parts: BodyChunk[] = [];
    if (this.#mustRecheckBlocked) {
      this.#mustRecheckBlocked = false;
      for (const stream of this.#blocked) this.#ready.add(stream);
      this.#blocked.clear();
    }
    // In turn, a frame each; one that is alone need not stop so soon.
    const share = this.#ready.size > 1
      ? MAX_PAYLOAD
      : this.#maxShareOfOnlyStream();
    // With anything before it, it would be copied.
    if (share > BATCH_SIZE && this.#controlSize > 0) return parts;
    for (const stream of this.#ready) {
      if (room <= 0 || this.#window <= 0) break;
      this.#ready.delete(stream);
      const most = Math.min(stream.sendable, this.#window, share);
      if (most <= 0) {
        this.#blocked.add(stream);
        continue;
      }
      const part = stream.take(most);
      parts.push(part);
      room -= part.bytes.length + CHUNK_COST;
      this.#window -= part.bytes.length;
      // Behind the others, whose turn it is now.
      if (stream.sendable > 0) this.#ready.add(stream);
      else if (!part.isLast) this.#blocked.add(stream);
    }
    return parts;
  }
}

/** For how many stream numbers frames are kept: most connections have one stream, their first or second. */
const MAX_SHARED_IDS = 4;

/** A body's frames for the streams of one number. */
interface SharedFrames {
  readonly id: number;
  readonly frames: Uint8Array;
}

const sharedFrames = new WeakMap<Uint8Array, SharedFrames[]>();

/** Whether {@linkcode framesOf} gives all streams of this number the same bytes, and not a copy each. */
export function canShareFrames(bytes: Uint8Array, id: number): boolean {
  const all = sharedFrames.get(bytes) ?? [];
  return all.length < MAX_SHARED_IDS || all.some((one) => one.id === id);
}

/** The frames that carry all that a stream was given to send. */
export function framesOf(part: BodyChunk): Uint8Array {
  const { bytes, stream: { id } } = part;
  const all = sharedFrames.get(bytes) ?? [];
  const known = all.find((one) => one.id === id);
  if (known !== undefined) return known.frames;
  const frames = new Uint8Array(sizeWithFrameHeaders(bytes.length));
  writeFrames(frames, 0, part);
  if (all.length < MAX_SHARED_IDS) {
    sharedFrames.set(bytes, [...all, { id, frames }]);
  }
  return frames;
}

/** Writes a part into a buffer, in as many frames as it takes. @returns where they end */
export function writeFrames(
  buffer: Uint8Array,
  at: number,
  { bytes, stream, trailers: end }: BodyChunk,
): number {
  let from = 0;
  do {
    const payload = bytes.length <= MAX_PAYLOAD
      ? bytes
      : bytes.subarray(from, from + MAX_PAYLOAD);
    writeFrameHeader(buffer, at, payload.length, TYPE.data, 0, stream.id);
    buffer.set(payload, at + FRAME_HEADER_SIZE);
    at += FRAME_HEADER_SIZE + payload.length;
    from += payload.length;
  } while (from < bytes.length);
  if (end === undefined) return at;
  buffer.set(end, at);
  return at + end.length;
}

/** How long the buffers are that are used again, in bytes: longer than what is sent at a time. */
const POOLED_SIZE = 96 * 1024;

/** Up to this many bytes a buffer of its own is cheaper. */
const MIN_POOLED = 4 * 1024;

/** How many are kept for later. */
const MAX_POOLED = 64;

/** Buffers of this thread that nobody uses. */
const pool: Uint8Array<ArrayBuffer>[] = [];

/** A buffer of a size at least, with whatever is in it. */
export function takeBuffer(size: number): Uint8Array<ArrayBuffer> {
  if (size <= MIN_POOLED || size > POOLED_SIZE) return new Uint8Array(size);
  return pool.pop() ?? new Uint8Array(POOLED_SIZE);
}

/** Takes a buffer back that is not used any more. */
export function returnBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === POOLED_SIZE && pool.length < MAX_POOLED) {
    pool.push(buffer);
  }
}
