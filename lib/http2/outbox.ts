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

/** About how much is written at a time, in bytes. */
const BATCH_SIZE = 64 * 1024;

/** Added to the size of each chunk of a batch, in bytes, so that no batch consists of thousands of 1-byte chunks. */
const CHUNK_COST = 256;

/** Largest body that is written at once if streams share its frames, in bytes. Copies of that size would take too much memory. */
const MAX_SHARED_BATCH = 1024 * 1024;

/** Maximum size of queued control frames, in bytes: a peer that does not read them is disconnected. */
const MAX_CONTROL = 1024 * 1024;

/** Size of queued control frames above which nothing is read from the peer, in bytes: many of its frames cause such a frame. */
const HIGH_WATER_MARK = 64 * 1024;

/** The send queue of a connection: control frames (all but DATA) first, then bodies as the windows allow. */
export class Outbox {
  /** Streams with something to send, in the order in which they are served. */
  readonly #ready = new Set<Http2Stream>();
  /** Streams with something to send whose window is used up. */
  readonly #blocked = new Set<Http2Stream>();
  /** Whether windows of blocked streams may have grown. */
  #mustRecheckBlocked = false;
  #control: Uint8Array[] = [];
  #controlSize = 0;
  #window = INITIAL_WINDOW;
  #isFlushing = false;
  #isClosed = false;
  #drained?: PromiseWithResolvers<void>;
  /** Whether anything was written since the last {@linkcode tick}. */
  #hasProgress = false;
  /** How long nothing could be written, in ms. */
  #stalledFor = 0;

  /**
   * @param onIdle called when everything has been written
   * @param onError called when a write fails, or too many control frames are queued
   */
  constructor(
    private readonly conn: Deno.Conn,
    private readonly quota: Quota,
    private readonly onIdle: () => void,
    private readonly onError: () => void,
  ) {}

  /** Queues control frames. */
  sendControl(frame: Uint8Array): void {
    if (this.#isClosed) return;
    const size = this.#controlSize + frame.length;
    const isAllowed = size <= MAX_CONTROL &&
      this.quota.reserve(bufferCost(size) - bufferCost(this.#controlSize));
    if (!isAllowed) return this.onError();
    this.#control.push(frame);
    this.#controlSize = size;
    this.flush();
  }

  /** Resolves when the peer may be read again; undefined if it may be read now. */
  drained(): Promise<void> | undefined {
    if (this.#controlSize <= HIGH_WATER_MARK) return undefined;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** @param elapsed since the last call, in ms @returns how long the peer has not read pending data, in ms */
  tick(elapsed: number): number {
    const isStalled = this.#isFlushing && !this.#hasProgress;
    this.#stalledFor = isStalled ? this.#stalledFor + elapsed : 0;
    this.#hasProgress = false;
    return this.#stalledFor;
  }

  /** Queues a stream that has something to send, or whose window has grown. */
  schedule(stream: Http2Stream): void {
    this.#blocked.delete(stream);
    this.#ready.add(stream);
    this.flush();
  }

  remove(stream: Http2Stream): void {
    this.#ready.delete(stream);
    this.#blocked.delete(stream);
  }

  /** Notes that windows of all streams have grown. Several calls cost one pass over the blocked streams. */
  recheckBlocked(): void {
    this.#mustRecheckBlocked = true;
    this.flush();
  }

  /** Grows the window of the connection. @returns false if it becomes too large */
  growWindow(increment: number): boolean {
    this.#window += increment;
    this.flush();
    return this.#window <= MAX_WINDOW;
  }

  /** Drops everything that is queued. */
  close(): void {
    this.#isClosed = true;
    this.#ready.clear();
    this.#blocked.clear();
    this.#takeControl();
  }

  /** Empties the queue of control frames. */
  #takeControl(): Uint8Array[] {
    const control = this.#control;
    this.quota.release(bufferCost(this.#controlSize));
    this.#control = [];
    this.#controlSize = 0;
    this.#drained?.resolve();
    this.#drained = undefined;
    return control;
  }

  /** Writes what is queued, in a microtask, together with what is queued until then. */
  flush(): void {
    if (this.#isFlushing || this.#isClosed) return;
    this.#isFlushing = true;
    queueMicrotask(this.#write);
  }

  readonly #write = async (): Promise<void> => {
    const { slice } = this.quota;
    try {
      for (let isFirst = true;; isFirst = false) {
        if (!isFirst && slice.isLongSliceOver && this.#hasMore) {
          await slice.next();
        }
        // Most connections send one body at a time: not worth reading the clock.
        const isOnlyBody = isFirst && this.#ready.size === 1 &&
          this.#controlSize === 0;
        const begin = isOnlyBody || !this.#hasMore
          ? undefined
          : performance.now();
        const chunks = this.#collect(BATCH_SIZE - this.#controlSize);
        const [chunk] = chunks;
        if (chunk === undefined && this.#controlSize === 0) break;
        if (
          chunk?.isWhole && chunk.trailers === undefined &&
          chunks.length === 1 &&
          this.#controlSize === 0
        ) {
          await this.#writeAll(framesOf(chunk));
        } else {
          const sending = this.#sendBatch(chunks);
          if (begin !== undefined) slice.spend(performance.now() - begin);
          await sending;
        }
        this.#hasProgress = true;
        for (const chunk of chunks) chunk.stream.onSent(chunk);
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

  /** Writes all control frames and some chunks of bodies, copied into one buffer. */
  async #sendBatch(chunks: readonly BodyChunk[]): Promise<void> {
    let size = this.#controlSize;
    const control = this.#takeControl();
    for (const { bytes, trailers } of chunks) {
      size += sizeWithFrameHeaders(bytes.length) + (trailers?.length ?? 0);
    }
    const buffer = takeBuffer(size);
    let at = 0;
    for (const frame of control) {
      buffer.set(frame, at);
      at += frame.length;
    }
    for (const chunk of chunks) at = writeFrames(buffer, at, chunk);
    await this.#writeAll(buffer.subarray(0, size));
    returnBuffer(buffer);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let at = await this.conn.write(bytes);
    while (at < bytes.length) {
      this.#hasProgress = true;
      at += await this.conn.write(bytes.subarray(at));
    }
  }

  /** Returns how much of the only stream is sent at once, in bytes: all of its body if that needs no copy. */
  #maxShareOfOnlyStream(): number {
    const [stream] = this.#ready;
    const whole = stream?.wholeBody;
    if (stream === undefined || whole === undefined) return BATCH_SIZE;
    const isAllowed = whole.length <= Math.min(MAX_SHARED_BATCH, this.#window);
    return isAllowed && canShareFrames(whole, stream.id)
      ? whole.length
      : BATCH_SIZE;
  }

  /** Takes chunks that the windows allow from streams. @param room about how many bytes */
  #collect(room: number): BodyChunk[] {
    const chunks: BodyChunk[] = [];
    if (this.#mustRecheckBlocked) {
      this.#mustRecheckBlocked = false;
      for (const stream of this.#blocked) this.#ready.add(stream);
      this.#blocked.clear();
    }
    // Several streams send a frame each, in turn.
    const share = this.#ready.size > 1
      ? MAX_PAYLOAD
      : this.#maxShareOfOnlyStream();
    // Control frames are sent first: the body would be copied together with them.
    if (share > BATCH_SIZE && this.#controlSize > 0) return chunks;
    for (const stream of this.#ready) {
      if (room <= 0 || this.#window <= 0) break;
      this.#ready.delete(stream);
      const max = Math.min(stream.sendable, this.#window, share);
      if (max <= 0) {
        this.#blocked.add(stream);
        continue;
      }
      const chunk = stream.takeChunk(max);
      chunks.push(chunk);
      room -= chunk.bytes.length + CHUNK_COST;
      this.#window -= chunk.bytes.length;
      // Queued again, behind the others.
      if (stream.sendable > 0) this.#ready.add(stream);
      else if (!chunk.isLast) this.#blocked.add(stream);
    }
    return chunks;
  }
}

/** For how many stream ids the frames of a body are shared: most connections have one stream, their first or second. */
const MAX_SHARED_IDS = 4;

/** The DATA frames of a body for all streams with one id, of whatever connection. */
interface SharedFrames {
  readonly id: number;
  readonly frames: Uint8Array;
}

const sharedFrames = new WeakMap<Uint8Array, SharedFrames[]>();

/** Whether {@linkcode framesOf} returns the same bytes for all streams with an id, and not a copy each. */
function canShareFrames(bytes: Uint8Array, id: number): boolean {
  const all = sharedFrames.get(bytes) ?? [];
  return all.length < MAX_SHARED_IDS || all.some((one) => one.id === id);
}

/** Returns the DATA frames of a whole body. */
function framesOf(chunk: BodyChunk): Uint8Array {
  const { bytes, stream: { id } } = chunk;
  const all = sharedFrames.get(bytes) ?? [];
  const known = all.find((one) => one.id === id);
  if (known !== undefined) return known.frames;
  const frames = new Uint8Array(sizeWithFrameHeaders(bytes.length));
  writeFrames(frames, 0, chunk);
  if (all.length < MAX_SHARED_IDS) {
    sharedFrames.set(bytes, [...all, { id, frames }]);
  }
  return frames;
}

/** Writes a chunk into a buffer as DATA frames, and its trailers. @returns the offset of their end */
function writeFrames(
  buffer: Uint8Array,
  at: number,
  { bytes, stream, trailers }: BodyChunk,
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
  if (trailers === undefined) return at;
  buffer.set(trailers, at);
  return at + trailers.length;
}

/** Size of pooled buffers, in bytes: more than a batch. */
const POOLED_SIZE = 96 * 1024;

/** Up to this size, in bytes, a new buffer is cheaper. */
const MIN_POOLED = 4 * 1024;

/** Maximum number of unused buffers in the pool. */
const MAX_POOLED = 64;

/** Unused buffers of this thread. */
const pool: Uint8Array<ArrayBuffer>[] = [];

/** Returns a buffer of at least a size, with undefined contents. */
function takeBuffer(size: number): Uint8Array<ArrayBuffer> {
  if (size <= MIN_POOLED || size > POOLED_SIZE) return new Uint8Array(size);
  return pool.pop() ?? new Uint8Array(POOLED_SIZE);
}

/** Returns a buffer to the pool. */
function returnBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  if (buffer.length === POOLED_SIZE && pool.length < MAX_POOLED) {
    pool.push(buffer);
  }
}
