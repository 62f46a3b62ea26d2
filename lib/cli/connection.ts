import {
  Client,
  errorMessage,
  LimitError,
  PeerError,
  RefusedError,
  type WatchStatus,
} from "../client/client.ts";
import { log } from "./output.ts";
import { printable } from "./printable.ts";

/** How a command queries a lainlet. */
export interface Connection {
  /** Where lainlet is, `http://127.0.0.1:9001`. */
  readonly base: string;
  /** How long it may send nothing, in ms. */
  readonly timeout: number;
}

/** The client of a command. @param parse as the client's */
export function clientOf(
  { base, timeout }: Connection,
  parse?: (text: string) => unknown,
): Client {
  return new Client(base, parse, timeout);
}

/**
 * Makes a request to a lainlet.
 *
 * @throws {Error} that names the address, when no lainlet responds there or its response cannot be read
 */
export async function withAddress<T>(
  base: string,
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    const isThere = !(error instanceof PeerError) ||
      error instanceof LimitError;
    throw new Error(
      isThere
        ? `the response of ${base} cannot be read: ${messageOf(error)}`
        : `no lainlet responds at ${base}: ${messageOf(error)}`,
    );
  }
}

/** An error in one line. */
export function messageOf(error: unknown): string {
  // The engine's message does not mention the response.
  if (error instanceof RangeError) return "the response is too large to show";
  const line = errorMessage(error);
  if (!(error instanceof RefusedError)) return line;
  // A parameter of the URL is a flag here.
  return line.replace(/^(\w+) required$/, "--$1 is required");
}

/** An error in one line. A 404 is told with the address, which may be another server's. */
export function messageAt(base: string, error: unknown): string {
  const line = messageOf(error);
  return error instanceof RefusedError && error.status === 404
    ? `${base} responds with HTTP 404: ${line}`
    : line;
}

/** Why a lainlet's state is not current; "" when it is, or that is not known. */
export async function staleReason(client: Client): Promise<string> {
  try {
    await client.text("/readyz", {});
    return "";
  } catch (error) {
    return error instanceof RefusedError ? printable(error.message) : "";
  }
}

/** Logs the status of a watch of the lainlet at `base` whenever it changes. */
export function statusLogger(base: string): (status: WatchStatus) => void {
  let last = "";
  return ({ isOpen, problem = "" }) => {
    if (problem !== last) {
      const line = isOpen ? problem : `${base}: ${problem}`;
      log(problem === "" ? "lainlet responds" : printable(line));
    }
    last = problem;
  };
}
