import { assertEquals } from "@std/assert";
import { PACKAGES } from "../../scripts/setup.ts";

/**
 * A port without a listener. It lies below those that systems give to
 * outgoing connections, so none of these takes it before it is used.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** A fixed piece of work, and what it takes on a quiet machine of 2 cores of 3 GHz, in ms. */
const ROUNDS = 150_000_000;
const QUIET = 250;

/** How much longer a time limit gets at most. */
const MOST_SLOWNESS = 8;

/** Measures how many times slower this machine is now than a quiet one, at least 1. */
function slowness(): number {
  const start = performance.now();
  let state = 1;
  for (let i = 0; i < ROUNDS; i++) state = Math.imul(state, 48_271) ^ i;
  const factor = (performance.now() - start) / QUIET;
  // The result is used, so that no compiler leaves the work out.
  return Math.min(MOST_SLOWNESS, Math.max(1, factor + 0 * state));
}

/**
 * A time limit that is longer on a slow or busy machine. How slow it is, is
 * measured when the time is up.
 */
class TimeLimit {
  readonly #start = Date.now();

  /** @param time on a quiet machine, in ms */
  constructor(readonly time: number) {}

  /** The time that is left, in ms; 0: it is over. */
  left(): number {
    const passed = Date.now() - this.#start;
    if (passed < this.time) return this.time - passed;
    return Math.max(0, this.time * slowness() - passed);
  }
}

/**
 * Waits for a promise.
 *
 * @param timeout in ms, on a quiet machine
 * @throws {Error} when that takes longer
 */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  timeout: number,
): Promise<T> {
  const limit = new TimeLimit(timeout);
  const { promise: isOver, reject } = Promise.withResolvers<never>();
  const check = () => {
    const left = limit.left();
    if (left > 0) timer = setTimeout(check, left);
    else reject(new Error(`not within ${timeout} ms: ${what}`));
  };
  let timer = setTimeout(check, timeout);
  try {
    return await Promise.race([promise, isOver]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tries until it neither throws nor gives undefined.
 *
 * @param timeout in ms, on a quiet machine
 * @throws {Error} when that takes longer; its cause is what was thrown last
 */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined> | T | undefined,
  timeout = 20_000,
): Promise<T> {
  const limit = new TimeLimit(timeout);
  // With growing pauses: many waits would slow down the processes that they wait for.
  for (let pause = 10;; pause = Math.min(1.5 * pause, 300)) {
    let failure: unknown;
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      failure = error;
    }
    if (limit.left() === 0) {
      throw new Error(`not within ${timeout} ms: ${what}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Reads until the value is as expected; the error's cause has the last value. */
export async function becomes<T>(
  what: string,
  read: () => Promise<T> | T,
  wanted: T,
): Promise<void> {
  await eventually(what, async () => {
    assertEquals(await read(), wanted);
    return true;
  });
}

/** The memory that a process holds (resident set), or the most that it held, in MB. */
export async function memoryOf(
  pid: number,
  figure: "VmRSS" | "VmHWM" = "VmRSS",
): Promise<number> {
  // Only with all permissions may Deno itself read it.
  const { stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/status`],
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  return Number(text.match(`${figure}:\\s+(\\d+)`)?.[1] ?? 0) / 1024;
}

/** A program that runs beside the test. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #copied: Promise<unknown>;
  #stdout = "";
  #stderr = "";

  constructor(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ) {
    this.#child = spawn(command, args, env);
    const copy = async (
      from: ReadableStream<Uint8Array>,
      to: (text: string) => void,
    ) => {
      const decoder = new TextDecoder();
      for await (const bytes of from) {
        to(decoder.decode(bytes, { stream: true }));
      }
    };
    this.#copied = Promise.all([
      copy(this.#child.stdout, (text) => this.#stdout += text),
      copy(this.#child.stderr, (text) => this.#stderr += text),
    ]);
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for the end; all output has been read then. */
  async ended(): Promise<Deno.CommandStatus> {
    await this.#copied;
    return await this.#child.status;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The memory that it holds (resident set), in MB. */
  memory(): Promise<number> {
    return memoryOf(this.pid);
  }

  /** The most memory that it held so far, in MB. */
  peak(): Promise<number> {
    return memoryOf(this.pid, "VmHWM");
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }
}

/** @throws {Error} with the package that has the program, when it is not installed */
function spawn(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Deno.ChildProcess {
  try {
    return new Deno.Command(command, {
      args: [...args],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const name = PACKAGES[command];
    if (!(error instanceof Deno.errors.NotFound) || name === undefined) {
      throw error;
    }
    throw new Error(
      `${command} is not installed (Debian, Ubuntu: sudo apt-get install ${name})`,
      { cause: error },
    );
  }
}

/** How many sockets listen on the port of a URL. */
export async function socketsAt(url: string): Promise<number> {
  await using program = new Program("cat", [
    "/proc/net/tcp",
    "/proc/net/tcp6",
  ]);
  await program.ended();
  // The local address is the second field, the state the fourth: proc(5).
  const hex = Number(new URL(url).port).toString(16).toUpperCase();
  const end = `:${hex.padStart(4, "0")}`;
  return program.stdout.split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(end) && state === "0A")
    .length;
}
