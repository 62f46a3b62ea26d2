import config from "../../deno.json" with { type: "json" };
import { get } from "./client.ts";
import { eventually, freePort, Program, socketsAt } from "./process.ts";

/** Time limit to read a large cluster on a busy machine, in ms. */
const START = 60_000;

/** How a lainlet process is started: from source, or the compiled binary. */
export const TARGETS = {
  source: ["deno", ...config.tasks.start.command.split(" ").slice(1)],
  binary: [`${import.meta.dirname}/../../lainlet`],
} as const;

/** A lainlet in a separate process. */
export class LainletProcess implements AsyncDisposable {
  readonly url: string;
  readonly program: Program;

  private constructor(
    target: keyof typeof TARGETS,
    args: readonly string[],
    env: Record<string, string>,
    descriptors: number | undefined,
    within: readonly string[],
  ) {
    const port = freePort();
    this.url = `http://127.0.0.1:${port}`;
    const limit = descriptors === undefined
      ? []
      : ["bash", "-c", `ulimit -n ${descriptors}; exec "$@"`, "bash"];
    const [command = "", ...before] = [...within, ...limit, ...TARGETS[target]];
    this.program = new Program(
      command,
      [...before, "--web", `:${port}`, ...args],
      env,
    );
  }

  /**
   * Starts one, and waits until it is ready, or serves at least.
   *
   * @param options its limit of file descriptors, and a command that runs it
   */
  static async start(
    target: keyof typeof TARGETS,
    args: readonly string[],
    { env = {}, ready = true, descriptors, within = [] }: {
      env?: Record<string, string>;
      ready?: boolean;
      descriptors?: number;
      within?: readonly string[];
    } = {},
  ): Promise<LainletProcess> {
    const lainlet = new LainletProcess(target, args, env, descriptors, within);
    const path = ready ? "/readyz" : "/healthz";
    try {
      await eventually(`${path} is good`, async () => {
        const { status } = await get(lainlet.url + path);
        return status === 200 ? true : undefined;
      }, START);
    } catch (error) {
      await lainlet[Symbol.asyncDispose]();
      throw new Error(`lainlet did not start: ${lainlet.program.stderr}`, {
        cause: error,
      });
    }
    return lainlet;
  }

  /** How many sockets listen on its port: one for each thread. */
  async sockets(): Promise<number> {
    return await socketsAt(this.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}
