/**
 * Clients and listeners, in a separate process: they read with as little work as
 * possible, and write to the store.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Etcd3 } from "etcd3";
import { obey } from "./child.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How much of the end of what was read is kept, to see which state it was. */
const TAIL = 4096;

/** How much of it is searched for the ends of frames. */
const LOOKED_AT = 32 * 1024;

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a run did. */
export interface Run {
  readonly seconds: number;
  readonly deliveries: number;
  readonly bytes: number;
}

/** A listener that counts the frames it gets. */
class Listener {
  frames = 0;
  bytes = 0;
  /** When the last frame was complete, as `performance.now()`. */
  arrivedAt = 0;
  /** What was read last, and the beginning of its first frame, when that came before. */
  #read = new Uint8Array();
  #before = new Uint8Array();
  /** The beginning of a frame whose end is still to come. */
  #rest = new Uint8Array();

  private constructor(private readonly connection: Deno.TcpConn) {}

  static async open(port: number, path: string): Promise<Listener> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const request = `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
    await connection.write(encoder.encode(request));
    return new Listener(connection);
  }

  /** Reads until the connection ends. */
  async run(size: number): Promise<void> {
    const buffer = new Uint8Array(size);
    try {
      for (;;) {
        if (stalled) await stalled.promise;
        const count = await this.connection.read(buffer);
        if (count === null) return;
        this.#take(buffer.subarray(0, count));
        this.#rest = isComplete(this.#read)
          ? new Uint8Array()
          : this.#read.slice(-TAIL);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Counts frames, which end in an empty line; nothing else holds one. Some of those that are large and come fast are missed. */
  #take(bytes: Uint8Array<ArrayBuffer>): void {
    this.#before = this.#rest;
    this.#read = bytes;
    this.bytes += bytes.length;
    let frames = this.#before.at(-1) === NEWLINE && bytes[0] === NEWLINE
      ? 1
      : 0;
    // Who reads large states has no time to look at each byte.
    const from = Math.max(0, bytes.length - LOOKED_AT);
    for (let at = from - 1; (at = bytes.indexOf(NEWLINE, at + 1)) >= 0;) {
      if (bytes[at + 1] === NEWLINE) frames++;
    }
    if (frames === 0) return;
    this.frames += frames;
    this.arrivedAt = performance.now();
    onFrames(frames);
  }

  /** The number in the last state: `#000123#`. */
  get last(): number {
    const text = decoder.decode(this.#before) +
      decoder.decode(this.#read.subarray(-TAIL));
    return Number(/#(\d+)#[^#]*$/.exec(text)?.[1]);
  }

  close(): void {
    this.connection.close();
  }
}

/** Whether a frame, or a chunk with one, ends where the bytes do. */
function isComplete(bytes: Uint8Array): boolean {
  return bytes.at(-1) === NEWLINE && bytes.at(-2) !== NEWLINE;
}

const listeners: Listener[] = [];
/** Whether the listeners do not read. */
let stalled: PromiseWithResolvers<void> | undefined;
let onFrames = (_count: number) => {};
let expected: Promise<void> | undefined;
let etcd: Etcd3 | undefined;
let sequence = 0;

async function put(key: string, value: string): Promise<void> {
  if (etcd === undefined) throw new Error("no store");
  await etcd.put(key).value(value);
}

/** A value with its number in it. */
function numbered(value: string): string {
  return value.replace("#000000#", `#${String(++sequence).padStart(6, "0")}#`);
}

/** Waits until a number of frames has come. */
function frames(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  onFrames = (more) => {
    left -= more;
    if (left <= 0) resolve();
  };
  onFrames(0);
  return promise;
}

function sum(of: (listener: Listener) => number): number {
  return listeners.reduce((total, listener) => total + of(listener), 0);
}

/** What the process can do. */
export const load = {
  /** Where states are written. */
  store(endpoint: string): Promise<void> {
    etcd = new Etcd3({ hosts: endpoint });
    return Promise.resolve();
  },

  /** Opens listeners; waits until each has got a first frame, if one is to be expected. */
  async listen(
    { port, path, count, first }: {
      port: number;
      path: string;
      count: number;
      first: boolean;
    },
  ): Promise<void> {
    const all = frames(first ? count : 0);
    // Few reads for large states, and little memory for many listeners.
    const size = count > 1_000 ? 4 * 1024 : 128 * 1024;
    for (let i = 0; i < count; i += 100) {
      const some = await Promise.all(
        Array.from(
          { length: Math.min(100, count - i) },
          () => Listener.open(port, path),
        ),
      );
      listeners.push(...some);
      for (const one of some) one.run(size);
    }
    if (first) await all;
  },

  /** Lets the listeners not read any more, or read again. */
  stall(isStalled: boolean): Promise<void> {
    stalled?.resolve();
    stalled = isStalled ? Promise.withResolvers<void>() : undefined;
    return Promise.resolve();
  },

  /** Writes states for some time, so many a second; without a key, only counts. @param length of a frame */
  async run(
    { seconds, rate, key, value, length }: {
      seconds: number;
      rate: number;
      key?: string;
      value: string;
      length?: number;
    },
  ): Promise<Run & { puts: number }> {
    const before = [sum((one) => one.frames), sum((one) => one.bytes)] as const;
    const start = performance.now();
    const elapsed = () => (performance.now() - start) / 1000;
    let puts = 0;
    while (elapsed() < seconds) {
      if (key !== undefined && puts < rate * elapsed()) {
        await put(key, numbered(value));
        puts++;
      } else await pause(1);
    }
    const bytes = sum((one) => one.bytes) - before[1];
    return {
      puts,
      seconds: elapsed(),
      deliveries: length === undefined
        ? sum((one) => one.frames) - before[0]
        : bytes / length,
      bytes,
    };
  },

  /** Waits, 20 s at most, for everybody to have the newest state. @returns how many have not */
  async stale(_: null): Promise<number> {
    const count = () => listeners.filter((one) => one.last !== sequence).length;
    for (let i = 0; i < 200 && count() > 0; i++) await pause(100);
    return count();
  },

  /** Writes a state when everybody has the one before. @returns when each had it, in ms since then */
  async latency(
    { key, value }: { key: string; value: string },
  ): Promise<number[]> {
    const all = frames(listeners.length);
    const start = performance.now();
    await put(key, numbered(value));
    await all;
    return listeners.map(({ arrivedAt }) => arrivedAt - start);
  },

  /** Expects a frame that somebody else writes to each listener. */
  expect(_: null): Promise<void> {
    expected = frames(listeners.length);
    return Promise.resolve();
  },

  /** Waits for what is expected. @returns when each had it, as `Date.now()` would tell */
  async arrivals(_: null): Promise<number[]> {
    await expected;
    return listeners.map(({ arrivedAt }) => performance.timeOrigin + arrivedAt);
  },

  /** Asks again and again on some connections. @returns answers a second */
  async gets(
    { port, path, headers, connections, seconds }: {
      port: number;
      path: string;
      headers: string;
      connections: number;
      seconds: number;
    },
  ): Promise<number> {
    const request = encoder.encode(
      `GET ${path} HTTP/1.1\r\nHost: bench\r\n${headers}\r\n`,
    );
    const end = performance.now() + seconds * 1000;
    const ask = async () => {
      const buffer = new Uint8Array(1 << 20);
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      let answers = 0;
      for (; performance.now() < end; answers++) {
        await connection.write(request);
        let head = "";
        let left = Infinity;
        while (left > 0) {
          const count = await connection.read(buffer);
          if (count === null) throw new Error("the connection was closed");
          if (left !== Infinity) left -= count;
          else {
            head += Buffer.from(buffer.buffer, 0, count).toString("latin1");
            const body = head.indexOf("\r\n\r\n") + 4;
            if (body < 4) continue;
            const [, length = "0"] = /content-length: (\d+)/i.exec(head) ?? [];
            left = body + Number(length) - head.length;
          }
        }
      }
      connection.close();
      return answers;
    };
    const all = await Promise.all(Array.from({ length: connections }, ask));
    return all.reduce((total, one) => total + one) / seconds;
  },

  /** Closes all listeners. */
  close(_: null): Promise<void> {
    for (const listener of listeners.splice(0)) listener.close();
    return Promise.resolve();
  },
};

if (import.meta.main) await obey(load);
