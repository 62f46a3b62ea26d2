import { MemoryStore } from "../../lib/store/memory.ts";
import { TestLainlet } from "./lainlet.ts";
import { TARGETS } from "./lainlet_process.ts";
import { Program } from "./process.ts";
import { Proxy } from "./proxy.ts";

/** The binary. */
export const [LAINLET] = TARGETS.binary;

/** Runs lainlet to its end. */
export async function run(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using program = new Program(LAINLET, args);
  const { code } = await program.ended();
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Starts lainlet in a separate terminal. */
export function inTerminal(...args: string[]): Program {
  const command = [LAINLET, ...args].map((arg) => `'${arg}'`).join(" ");
  return new Program("script", [
    "-qec",
    `env -u NO_COLOR ${command}`,
    "/dev/null",
  ]);
}

/** The text of a terminal, without colours. */
export function shown({ stdout }: Program): string {
  // deno-lint-ignore no-control-regex
  return stdout.replace(/\x1b\[\d+m/g, "").replaceAll("\r\n", "\n");
}

/** A lainlet, and a proxy to it that can be cut. */
export async function serve(content: Iterable<readonly [string, string]>) {
  const store = new MemoryStore(content);
  const lainlet = await new TestLainlet(store).ready();
  const proxy = new Proxy(lainlet.url);
  return {
    store,
    lainlet,
    proxy,
    addr: `--addr=${proxy.url}`,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await lainlet[Symbol.asyncDispose]();
    },
  };
}
