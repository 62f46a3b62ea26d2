import {
  Client,
  errorMessage,
  LimitError,
  PeerError,
  RefusedError,
  type WatchStatus,
} from "../client/client.ts";
import { tell } from "./output.ts";
import { printable } from "./render.ts";

/** Asks a lainlet. @throws {Error} that names the address, when nothing of lainlet's answers there, or its answer cannot be read */
export async function reach<T>(
  base: string,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    const isThere = !(error instanceof PeerError) ||
      error instanceof LimitError;
    throw new Error(
      isThere
        ? `the answer of ${base} cannot be read: ${why(error)}`
        : `no lainlet answers at ${base}: ${why(error)}`,
    );
  }
}

/** What went wrong, as one line; the engine's own words for what is too much are none. */
export function why(error: unknown): string {
  if (error instanceof RangeError) return "the answer is too large to show";
  const line = errorMessage(error);
  if (!(error instanceof RefusedError)) return line;
  // Lainlet names the parameter of a URL; here that is a flag.
  return line.replace(/^(\w+) required$/, "--$1 is required");
}

/** Why a lainlet's state is not current; "" when it is, or cannot be asked. */
export async function whyStale(base: string): Promise<string> {
  try {
    await new Client(base).text("/readyz", {});
    return "";
  } catch (error) {
    return error instanceof RefusedError ? printable(error.message) : "";
  }
}

/** Says on stderr how a watch is doing, when that is another than before. */
export function telling(): (status: WatchStatus) => void {
  let told = "";
  return ({ problem = "" }) => {
    if (problem !== told) {
      tell(problem === "" ? "lainlet answers" : printable(problem));
    }
    told = problem;
  };
}
