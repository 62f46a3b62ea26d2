import { assertEquals } from "@std/assert";
import { PACKAGES } from "../../scripts/setup.ts";

/**
 * A port that nobody listens on. It lies below those that systems give to
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

/** Tries until it neither throws nor gives undefined; throws what it threw last. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | undefined> | T | undefined,
  timeout = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeout;
  // Ever less often: many who wait would keep those busy whom they wait for.
  for (let pause = 10;; pause = Math.min(1.5 * pause, 300)) {
    let failure: unknown;
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${timeout} ms: ${what}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Reads until that is what is wanted; its cause says what is instead. */
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
