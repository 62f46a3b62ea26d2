import { framedSize, framesOf, putFrames } from "./body.ts";
import { giveBuffer, takeBuffer } from "./buffers.ts";
import { FIRST_WINDOW, MAX_PAYLOAD, MAX_WINDOW } from "./frame.ts";
import type { Http2Stream, Part } from "./stream.ts";

/** How much is handed to the system at a time, about, in bytes. */
const BATCH = 64 * 1024;

/** Bodies of up to so many bytes are framed once for all who get them. */
const SHARED = 1024 * 1024;

/** How much may wait to be sent besides bodies, in bytes: who does not read it, is left. */
const MAX_CONTROL = 1024 * 1024;

/** What a connection sends: frames that cannot wait, and then bodies, as there is room for them. */
export class Outbox {
  /** Streams that may have something to send; the first one is served next. */
  readonly #ready = new Set<Http2Stream>();
  #control: Uint8Array[] = [];
  #controlSize = 0;
  #window = FIRST_WINDOW;
  #isFlushing = false;
  #isOver = false;

  /**
   * @param onIdle called when all was sent
   * @param onLost called when no more can be sent
   */
  constructor(
    private readonly conn: Deno.Conn,
    private readonly onIdle: () => void,
    private readonly onLost: () => void,
  ) {}

  /** Sends a frame before all bodies. */
  post(frame: Uint8Array): void {
    if (this.#isOver) return;
    this.#control.push(frame);
    this.#controlSize += frame.length;
    if (this.#controlSize > MAX_CONTROL) this.onLost();
    else this.flush();
  }

  /** A stream has something to send, or room for it. */
  add(stream: Http2Stream): void {
    this.#ready.add(stream);
    this.flush();
  }

  remove(stream: Http2Stream): void {
    this.#ready.delete(stream);
  }

  /** The peer has room for more. @returns false when that is more than there can be */
  widen(by: number): boolean {
    this.#window += by;
    this.flush();
    return this.#window <= MAX_WINDOW;
  }

  /** Sends nothing more. */
  close(): void {
    this.#isOver = true;
    this.#ready.clear();
    this.#control = [];
    this.#controlSize = 0;
  }

  /** Sends what there is to send, soon: what comes meanwhile goes along. */
  flush(): void {
    if (this.#isFlushing || this.#isOver) return;
    this.#isFlushing = true;
    queueMicrotask(this.#write);
  }

  readonly #write = async (): Promise<void> => {
    try {
      for (;;) {
        const parts = this.#collect(BATCH - this.#controlSize);
        const [part] = parts;
        if (part === undefined && this.#controlSize === 0) break;
        if (
          part?.isWhole && part.end === undefined && parts.length === 1 &&
          this.#controlSize === 0
        ) {
          await this.#send(framesOf(part));
        } else await this.#sendCopied(parts);
        for (const part of parts) part.stream.sent(part);
      }
      this.#isFlushing = false;
      this.onIdle();
    } catch {
      this.onLost();
    }
  };

  /** Sends what waits besides bodies, and parts of bodies. */
  async #sendCopied(parts: readonly Part[]): Promise<void> {
    const control = this.#control;
    let size = this.#controlSize;
    this.#control = [];
    this.#controlSize = 0;
    for (const { bytes, end } of parts) {
      size += framedSize(bytes.length) + (end?.length ?? 0);
    }
    const buffer = takeBuffer(size);
    let at = 0;
    for (const frame of control) {
      buffer.set(frame, at);
      at += frame.length;
    }
    for (const part of parts) at = putFrames(buffer, at, part);
    await this.#send(buffer.subarray(0, size));
    giveBuffer(buffer);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    let at = await this.conn.write(bytes);
    while (at < bytes.length) at += await this.conn.write(bytes.subarray(at));
  }

  /** How much a stream may send that nobody waits for: all, where that needs no copy. */
  #shareAlone(): number {
    const [stream] = this.#ready;
    const most = Math.min(SHARED, this.#window);
    return stream?.isWhole && stream.sendable <= most ? most : BATCH;
  }

  /** What streams have to send, and there is room for. @param room about how many bytes */
  #collect(room: number): Part[] {
    const parts: Part[] = [];
    // In turn, a frame each; one that is alone need not stop so soon.
    const share = this.#ready.size > 1 ? MAX_PAYLOAD : this.#shareAlone();
    for (const stream of this.#ready) {
      if (room <= 0 || this.#window <= 0) break;
      this.#ready.delete(stream);
      const most = Math.min(stream.sendable, this.#window, share);
      if (most <= 0) continue;
      const part = stream.take(most);
      parts.push(part);
      room -= part.bytes.length;
      this.#window -= part.bytes.length;
      // Behind the others, whose turn it is now.
      if (stream.sendable > 0) this.#ready.add(stream);
    }
    return parts;
  }
}
