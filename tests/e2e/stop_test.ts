/**
 * A stop ends every stream after a whole frame, also for slow clients.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LainletProcess } from "../util/lainlet_process.ts";
import { eventually, type Program } from "../util/process.ts";

/** More than the system takes from lainlet for a reader that does not read. */
const SIZE = 12_000_000;

/** For how long after the signal a slow reader is slow; it has little more than that. */
const SLOW = 3_200;

const BODY = `id: 1\nevent: init\ndata: {"large":"${"x".repeat(SIZE)}"}\n\n`;

/** A client that reads the bytes of its connection when it likes to. */
class Reader implements Disposable {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  readonly #buffer = new Uint8Array(64 * 1024);
  #size = 0;

  private constructor(private readonly conn: Deno.TcpConn) {}

  static async open(url: string, path: string): Promise<Reader> {
    const { hostname, port } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await conn.write(new TextEncoder().encode(request));
    return new Reader(conn);
  }

  /** Bytes that were read. */
  get size(): number {
    return this.#size;
  }

  /** @returns whether there was something */
  async read(): Promise<boolean> {
    const length = await this.conn.read(this.#buffer);
    if (length === null) return false;
    this.#size += length;
    this.#parts.push(this.#buffer.slice(0, length));
    return true;
  }

  /** Reads up to the end of the connection, with a pause after each read for some time. */
  async finish(pause = 0, until = 0): Promise<void> {
    while (await this.read()) {
      if (performance.now() < until) await sleep(pause);
    }
  }

  /** The body of the answer. @throws {Error} when it has no end (RFC 9112, 7.1) */
  async body(): Promise<string> {
    const text = await new Blob(this.#parts).text();
    let body = "";
    for (let at = text.indexOf("\r\n\r\n") + 4;;) {
      const end = text.indexOf("\r\n", at);
      const size = parseInt(text.slice(at, end), 16);
      const next = end + 2 + size + 2;
      if (end < 0 || Number.isNaN(size) || next > text.length) {
        throw new Error(`the stream is cut after ${this.#size} bytes`);
      }
      if (size === 0) return body;
      body += text.slice(end + 2, end + 2 + size);
      at = next;
    }
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Sends SIGTERM. @returns how the process ends, and after how many ms */
async function stop(
  program: Program,
): Promise<{ code: number; elapsed: number }> {
  const begin = performance.now();
  program.signal("SIGTERM");
  const { code } = await program.ended();
  return { code, elapsed: performance.now() - begin };
}

for (const target of ["source", "binary"] as const) {
  for (const threads of [1, 2]) {
    Deno.test(`${target}, threads: ${threads}: SIGTERM, and slow readers`, async (t) => {
      const file = await Deno.makeTempFile();
      await using stack = new AsyncDisposableStack();
      stack.defer(() => Deno.remove(file));
      await Deno.writeTextFile(
        file,
        JSON.stringify({ "/lain/config/large": "x".repeat(SIZE) }),
      );
      const args = [`--store=memory:${file}`, `--workers=${threads}`];
      const watch = "/v2/configwatcher?watch=1";

      await t.step("each gets its whole frame and the end", async () => {
        await using lainlet = await LainletProcess.start(target, args);
        const { url, program } = lainlet;
        using small = await Reader.open(url, "/v2/nodes?watch=1");
        using slow = await Reader.open(url, watch);
        using late = await Reader.open(url, watch);
        await small.read();
        await slow.read();
        // Nothing tells that its frame is under way, but that has begun by then.
        await eventually("two others have read", async () => {
          await slow.read();
          return slow.size > 1_000_000 || undefined;
        });
        const end = stop(program);
        await Promise.all([
          small.finish(),
          slow.finish(100, performance.now() + SLOW),
          sleep(SLOW).then(() => late.finish()),
        ]);
        const { code, elapsed } = await end;
        assertEquals(code, 0);
        assert(elapsed < 5_000, `it took ${elapsed} ms`);
        assertEquals(await small.body(), "id: 1\nevent: init\ndata: {}\n\n");
        for (const reader of [slow, late]) {
          assert(await reader.body() === BODY);
        }
      });

      await t.step("it takes no longer than they need", async () => {
        await using lainlet = await LainletProcess.start(target, args);
        const { url, program } = lainlet;
        using reader = await Reader.open(url, watch);
        using idle = await Reader.open(url, "/healthz");
        await idle.read();
        await reader.read();
        const end = stop(program);
        await reader.finish();
        const { code, elapsed } = await end;
        assertEquals(code, 0);
        // A stop that only waits for its time limit ends after 4.5 s.
        assert(elapsed < 4_400, `it took ${elapsed} ms`);
        assert(await reader.body() === BODY);
      });
    });
  }
}
