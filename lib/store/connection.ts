/**
 * The state of a store's history at the time of a response: etcd's response
 * header, the headers of etcd's v2 API, or the zxid in ZooKeeper's reply header.
 */
export interface ResponseHeader {
  /** The current revision: etcd's revision, the index of the v2 key space, or a zxid. */
  readonly revision: number;
  /** The cluster's id; absent or "": not known, or it has none. */
  readonly clusterId?: string;
  /** Counts elections; absent: not known. */
  readonly raftTerm?: number;
  /** Counts what the members agreed on, quorum reads included; absent: not known. */
  readonly raftIndex?: number;
}

/** The store does not let this login read a key or a prefix. */
export class AccessDenied extends Error {
  override readonly name = "AccessDenied";
}

/**
 * One connection to one endpoint. It never repairs itself: the first failure
 * closes it, and its owner opens another one.
 */
export abstract class Connection {
  readonly #closing = new AbortController();
  /** Aborts when the connection ends; the reason is an `Error`, or null after {@linkcode close}. */
  readonly signal = this.#closing.signal;

  constructor(readonly endpoint: string) {}

  /** Ends the connection because of an error. */
  fail(error: unknown): void {
    this.#end(new Error(errorMessage(error)));
  }

  /** Ends the connection. */
  close(): void {
    this.#end(null);
  }

  /** Frees what the connection holds. Called once, after the signal aborted. */
  protected abstract release(): void;

  /** The error that calls fail with once the connection has ended. */
  protected get closedError(): Error {
    return this.signal.reason ?? new Error("the connection was closed");
  }

  #end(reason: Error | null): void {
    if (this.signal.aborted) return;
    this.#closing.abort(reason);
    this.release();
  }
}

/**
 * Finds out whether a store serves at least one of some keys.
 *
 * @returns what `read` returns for the first key that this login may read
 * @throws {AccessDenied} when it may read none
 * @throws what else `read` throws
 */
export async function readFirstAllowed<T>(
  keys: Iterable<string>,
  read: (key: string) => Promise<T>,
): Promise<T> {
  let denied: unknown;
  for (const key of keys) {
    try {
      return await read(key);
    } catch (error) {
      if (!(error instanceof AccessDenied)) throw error;
      denied = error;
    }
  }
  throw denied;
}

/** Last errors of gRPC that say nothing. */
const NO_MESSAGE: ReadonlySet<string> = new Set(["", "null", "undefined"]);

/**
 * Returns an error's message as one line, without the prefixes and times that
 * gRPC and `fetch` add: the same failure always has the same message.
 */
export function errorMessage(error: unknown): string {
  // Since Deno 2.9 the error that `fetch` throws has its message in its cause.
  const source = error instanceof TypeError && error.cause
    ? error.cause
    : error;
  const message = (source instanceof Error ? source.message : String(source))
    .replace(
      /^error sending request .+?: (client error \(\w+\): |(?=\w+ error))/,
      "",
    )
    .replace(/(certificate expired): .*/, "$1")
    .replace(/^\d+ [A-Z_]+: /, "")
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, "")
    .replace(/\.?\s*(Resolution note:\s*)?$/, "")
    .replace(/\s+/g, " ");
  return NO_MESSAGE.has(message) ? "the connection could not be made" : message;
}
