/**
 * A server that is not lainlet, and the command line as its client.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { TARGETS } from "./lainlet_process.ts";
import { eventually, Program } from "./process.ts";

const [LAINLET, ...FIRST] = TARGETS.binary;

/** The most memory that the command line may use, in MB: a response's bytes, its text, and the smaller buffers before it. */
const MEMORY = 1_200;

/** Sends a response, and closes the connection. */
export type Play = (conn: Deno.TcpConn, path: string) => Promise<unknown>;

const encoder = new TextEncoder();

/** A server with a given behaviour. */
export class Hostile implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #accepting: Promise<void>;
  accepted = 0;

  constructor(private readonly play: Play) {
    this.#accepting = this.#accept();
  }

  get addr(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.accepted++;
      this.#open.add(conn);
      this.#serve(conn).catch(() => {}).finally(() => {
        this.#open.delete(conn);
        close(conn);
      });
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(8 * 1024);
    const count = await conn.read(buffer) ?? 0;
    const request = new TextDecoder().decode(buffer.subarray(0, count));
    await this.play(conn, request.split(" ")[1] ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) close(conn);
    this.#open.clear();
    await this.#accepting;
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}

export async function write(
  conn: Deno.TcpConn,
  data: string | Uint8Array,
): Promise<void> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  for (let done = 0; done < bytes.length;) {
    done += await conn.write(bytes.subarray(done, done + 1_000_000));
  }
}

export const says =
  (...parts: (string | Uint8Array)[]): Play => async (conn) => {
    for (const part of parts) await write(conn, part);
  };

/** Sends something, then something else for ever: at once, or every so many ms. */
export const endless =
  (first: string, then: string, pause = 0): Play => async (conn) => {
    await write(conn, first);
    const times = pause === 0 ? Math.ceil(1_000_000 / then.length) : 1;
    const piece = encoder.encode(then.repeat(times));
    for (;;) {
      await write(conn, piece);
      if (pause > 0) await new Promise((go) => setTimeout(go, pause));
    }
  };

export const silence: Play = async (conn) => {
  await conn.read(new Uint8Array(1));
};

export function head(type = "application/json", more = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${more}Connection: close\r\n\r\n`;
}

/** The head of a response of the requested kind. */
export const asked = (then: (isWatch: boolean) => Play): Play => (conn, path) =>
  then(path.includes("watch=1"))(conn, path);

export const STREAM = head("text/event-stream");
export const frame = (event: string, data: string) =>
  `id: 1\nevent: ${event}\ndata: ${data}\n\n`;
export interface Case {
  readonly play: Play;
  /** The expected stderr of `get nodes`. */
  readonly get?: RegExp;
  /** The first line that is expected from `watch nodes`. */
  readonly watch?: RegExp;
  /** `watch` ends, too. */
  readonly isRefusal?: boolean;
}

const AT = "no lainlet responds at http://127\\.0\\.0\\.1:\\d+: ";
export const at = (what: string) => new RegExp(`^lainlet: ${AT}${what}`);

/** The error of a 404. */
export const refused = (what: string) =>
  new RegExp(
    `^lainlet: http://127\\.0\\.0\\.1:\\d+ responds with HTTP 404: ${what}`,
  );

/** The error of a response that cannot be read. */
export const unread = (what: string) =>
  new RegExp(
    `^lainlet: the response of http://127\\.0\\.0\\.1:\\d+ cannot be read: ${what}`,
  );

export const client = (...args: string[]) =>
  new Program(LAINLET, [...FIRST, ...args], { NO_COLOR: "1" });

/** The most memory of a program until something has happened, in MB. */
async function peak(
  program: Program,
  happened: Promise<unknown>,
): Promise<number> {
  let [most, isOver] = [0, false];
  const over = happened.then(() => isOver = true, () => isOver = true);
  while (!isOver) {
    most = Math.max(most, await program.peak());
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 200);
    await Promise.race([over, promise]);
    clearTimeout(timer);
  }
  return most;
}

/** Runs one to its end, and says what it took; it may take this many seconds. */
export async function run(
  seconds: number,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string; memory: number }> {
  await using program = client(...args);
  let status: Deno.CommandStatus | undefined;
  program.ended().then((end) => status = end);
  const end = eventually("it ends", () => status, seconds * 1000);
  const memory = await peak(program, end);
  const { code } = await end;
  return { code, stdout: program.stdout, stderr: program.stderr, memory };
}

/** One line, without control characters. */
export function assertLine(stderr: string, line: RegExp): void {
  assertMatch(stderr, /^[^\p{Cc}\p{Cf}\p{Co}]*\n$/u);
  assertMatch(stderr.trimEnd(), line);
  assert(stderr.length < 4_000, `${stderr.length} characters`);
  assert(!/TypeError|\bat .*:\d+:\d+/.test(stderr), stderr);
}

export async function tryGet(line: RegExp, addr: string, seconds: number) {
  const { code, stdout, stderr, memory } = await run(
    seconds,
    "get",
    "nodes",
    `--addr=${addr}`,
  );
  assertEquals([code, stdout], [1, ""]);
  assertLine(stderr, line);
  assert(memory < MEMORY, `${memory} MB`);
}

export async function tryWatch(
  line: RegExp,
  isRefusal: boolean,
  addr: string,
  seconds: number,
) {
  await using program = client("watch", "nodes", `--addr=${addr}`);
  const telling = eventually("it says something", () => {
    const said = program.stderr.split("\n").slice(0, -1)
      .filter((text) => !/lainlet responds$/.test(text));
    return said.some((text) => line.test(text)) ? said : undefined;
  }, seconds * 1000);
  const memory = await peak(program, telling);
  const lines = await telling;
  for (const text of lines) assertLine(`${text}\n`, /./);
  assert(memory < MEMORY, `${memory} MB`);
  if (isRefusal) return assertEquals((await program.ended()).code, 1);
  // It continues, and still handles signals.
  program.signal("SIGTERM");
  assertEquals((await program.ended()).signal, "SIGTERM");
}

export async function tryAll(
  { play, get, watch, isRefusal = false }: Case,
  seconds: number,
): Promise<void> {
  await using server = new Hostile(play);
  await Promise.all([
    get && tryGet(get, server.addr, seconds),
    watch && tryWatch(watch, isRefusal, server.addr, seconds),
  ]);
}
