/**
 * Processes of a benchmark, which take commands over their standard
 * input and output: a line of JSON each way for each command.
 *
 * @module
 */

/** A command and its argument. */
interface Command {
  readonly name: string;
  readonly argument: unknown;
}

/** What became of a command. */
type Outcome<T> = { readonly result: T } | { readonly error: string };

/** What a process can do: each command takes one argument and gives one result, both JSON. */
export type Commands<T> = {
  readonly [Name in keyof T]: (argument: never) => Promise<unknown>;
};

/** A process that takes commands. */
export class Child<T extends Commands<T>> implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;

  /** @param module a file beside this one, which calls {@linkcode obey} */
  constructor(module: string, permissions: readonly string[]) {
    const path = `${import.meta.dirname}/${module}`;
    this.#child = new Deno.Command("deno", {
      args: ["run", "--no-prompt", "--ignore-env", ...permissions, path],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = lines(this.#child.stdout);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Has a command done. @throws {Error} when it failed */
  async call<Name extends keyof T & string>(
    name: Name,
    argument: Parameters<T[Name]>[0],
  ): Promise<Awaited<ReturnType<T[Name]>>> {
    const line = JSON.stringify({ name, argument });
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error(`the process of ${name} ended`);
    const outcome: Outcome<Awaited<ReturnType<T[Name]>>> = JSON.parse(value);
    if ("error" in outcome) throw new Error(`${name}: ${outcome.error}`);
    return outcome.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#input.abort().catch(() => {});
    await this.#child.stdout.cancel().catch(() => {});
    await this.#child.status;
  }
}

/** Executes commands, one after the other, until the input ends. */
export async function obey<T extends Commands<T>>(commands: T): Promise<void> {
  const known = new Map<string, (argument: never) => Promise<unknown>>(
    Object.entries(commands),
  );
  for await (const line of lines(Deno.stdin.readable)) {
    const { name, argument }: Command & { argument: never } = JSON.parse(line);
    let outcome: Outcome<unknown>;
    try {
      const command = known.get(name);
      if (command === undefined) throw new Error("unknown command");
      outcome = { result: await command(argument) ?? null };
    } catch (error) {
      outcome = { error: String(error) };
    }
    console.log(JSON.stringify(outcome));
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
