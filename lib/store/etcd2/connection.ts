import { Buffer } from "node:buffer";
import { Exchange, PIECE_TIMEOUT, Poll, TIMEOUT } from "./request.ts";
import {
  complaintOf,
  type Head,
  headOf,
  Leaves,
  type Node,
  type Sum,
  sumOf,
  versionOf,
} from "./messages.ts";
import { type Connection, lineOf } from "../connection.ts";
import type { Login } from "../kind.ts";
import type { Entry } from "../store.ts";

/**
 * The most that is read of a subtree, in bytes, and what a key counts for
 * besides its text, as it takes more than that in memory. Whole clusters are
 * some 100 MB.
 */
const MAX_LIST = 256 * 1024 * 1024;
const KEY_COST = 512;
/** The most that is read of an error, in bytes. */
const MAX_COMPLAINT = 64 * 1024;

/** What is said when etcd's history is not the one it was. */
export const RESTORED = "etcd was restored from a backup";

/** Asks for all that is under a directory, of a quorum. */
const ALL = "recursive=true&quorum=true";

/** etcd's error codes. */
const KEY_NOT_FOUND = 100;
const EVENT_INDEX_CLEARED = 401;

const encoder = new TextEncoder();

/** Everything under a prefix, as it was at the index of the head; unsorted. */
export interface Listing {
  readonly head: Head;
  readonly entries: readonly Entry[];
}

/** What to compare with: every key under a prefix, as it was at the index of the head. */
export interface Sums {
  readonly head: Head;
  readonly sums: ReadonlyMap<string, Sum>;
}

/** etcd does not let this login read something. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/**
 * What lainlet asks of one etcd endpoint, by HTTP/1.1, as etcd 2 has nothing
 * else. Each poll holds a TCP connection; all are this connection's own.
 *
 * @see https://etcd.io/docs/v2.3/api/
 */
export class Etcd2Connection implements Connection {
  readonly #client: Deno.HttpClient;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #isAnonymous: boolean;
  readonly #closing = new AbortController();
  #clusterId?: string;

  readonly signal = this.#closing.signal;

  constructor(readonly endpoint: string, { tls, auth }: Login) {
    const { protocol, hostname, port } = new URL(endpoint);
    const texts = tls?.read();
    this.#client = Deno.createHttpClient({
      http2: false,
      caCerts: texts && [texts.ca],
      ...texts?.client,
      // A proxy that the environment names is not for the way to etcd.
      proxy: protocol === "http:"
        ? { transport: "tcp", hostname, port: Number(port || 80) }
        : undefined,
    });
    this.#isAnonymous = auth === undefined;
    this.#headers = auth === undefined ? {} : {
      Authorization: "Basic " +
        Buffer.from(`${auth.username}:${auth.password}`).toString("base64"),
    };
  }

  /**
   * Whether etcd serves one of some keys at least, and where its history
   * stands.
   *
   * @throws when etcd does not answer, or refuses all of them
   */
  async open(keys: Iterable<string>): Promise<Head> {
    let refusal: unknown;
    for (const key of keys) {
      try {
        return (await this.read(key)).head;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  /**
   * A key, or nothing, and where history stood; linearizable: no member that
   * lags or is cut off from the others answers.
   */
  async read(key: string): Promise<{ head: Head; value?: Sum }> {
    const { head, nodes } = await this.#read(key, "quorum=true", TIMEOUT);
    let value: Sum | undefined;
    for await (const node of nodes) {
      if (node.key === key) value = summed(node);
    }
    return { head, value };
  }

  /** Everything under a prefix, linearizable. */
  async list(prefix: string): Promise<Listing> {
    const { head, nodes } = await this.#read(prefix, ALL, PIECE_TIMEOUT);
    const entries: Entry[] = [];
    for await (const { key, value, index } of nodes) {
      entries.push({ key, value: encoder.encode(value), revision: index });
    }
    return { head, entries };
  }

  /** Everything under a prefix, linearizable, without keeping the values. */
  async sum(prefix: string): Promise<Sums> {
    const { head, nodes } = await this.#read(prefix, ALL, PIECE_TIMEOUT);
    const sums = new Map<string, Sum>();
    for await (const node of nodes) sums.set(node.key, summed(node));
    return { head, sums };
  }

  /** Whether there is a key under a prefix, as far as this member knows. */
  async holds(prefix: string): Promise<boolean> {
    const { nodes } = await this.#read(prefix, "recursive=true", TIMEOUT);
    for await (const _ of nodes) return true;
    return false;
  }

  /** The server's version, `2.3.7`. @throws when it does not tell */
  async version(): Promise<string> {
    const exchange = new Exchange(this.signal);
    try {
      await this.#get(exchange, "/version", TIMEOUT);
      return versionOf(await exchange.text(MAX_COMPLAINT, TIMEOUT));
    } finally {
      exchange.close();
    }
  }

  /**
   * Asks for the first event under a prefix from an index on: one that was,
   * or the next one. Resolves when etcd has looked into its history.
   *
   * @returns "cleared" when etcd has forgotten what happened since the index
   * @throws {Refused} when this login may not read the prefix
   */
  async poll(prefix: string, index: number): Promise<Poll | "cleared"> {
    const query = `recursive=true&wait=true&waitIndex=${index}`;
    const path = `${pathOf(prefix)}?${query}`;
    const exchange = new Exchange(this.signal);
    try {
      const response = await this.#get(exchange, path, TIMEOUT);
      if (response.ok) {
        return new Poll(this.#headOf(response).index, exchange);
      }
      await this.#refuse(exchange, prefix, response, EVENT_INDEX_CLEARED);
    } catch (error) {
      exchange.close();
      throw error;
    }
    exchange.close();
    return "cleared";
  }

  /** Ends the connection because of an error. */
  fail(error: unknown): void {
    this.#end(new Error(lineOf(error)));
  }

  /** Ends the connection. */
  close(): void {
    this.#end(null);
  }

  #end(reason: Error | null): void {
    if (this.signal.aborted) return;
    this.#closing.abort(reason);
    this.#client.close();
  }

  /** Reads a key or a directory; the nodes come as they are taken. */
  async #read(
    key: string,
    query: string,
    timeout: number,
  ): Promise<{ head: Head; nodes: Iterable<Node> | AsyncIterable<Node> }> {
    const exchange = new Exchange(this.signal);
    try {
      const path = `${pathOf(key)}?${query}`;
      const response = await this.#get(exchange, path, timeout);
      if (response.ok) {
        const head = this.#headOf(response);
        return { head, nodes: leavesOf(exchange, timeout) };
      }
      await this.#refuse(exchange, key, response, KEY_NOT_FOUND);
      exchange.close();
      return { head: this.#headOf(response), nodes: [] };
    } catch (error) {
      exchange.close();
      throw error;
    }
  }

  /**
   * Where history stood, as an answer says.
   *
   * @throws {Error} when another cluster has taken the place of the one that answered first
   */
  #headOf({ headers }: Response): Head {
    const head = headOf(headers);
    this.#clusterId ??= head.clusterId;
    if (head.clusterId !== this.#clusterId) throw new Error(RESTORED);
    return head;
  }

  #get(exchange: Exchange, path: string, timeout: number): Promise<Response> {
    return exchange.open(
      this.endpoint + path,
      { client: this.#client, headers: this.#headers },
      timeout,
    );
  }

  /**
   * Reads why etcd does not serve a key.
   *
   * @param expected a reason that the caller knows what to do with: then it returns
   * @throws {Refused | Error} when it is another one
   */
  async #refuse(
    exchange: Exchange,
    key: string,
    { status, headers }: Response,
    expected: number,
  ): Promise<void> {
    const location = headers.get("Location");
    if (location !== null) {
      throw new Error(`it redirects to ${location.slice(0, 200)}`);
    }
    const text = await exchange.text(MAX_COMPLAINT, TIMEOUT);
    const { code, message } = complaintOf(status, text);
    if (code === expected) return;
    if (status === 401 || status === 403) {
      throw new Refused(
        this.#isAnonymous
          ? `etcd asks for a login to read ${key}: give one in --etcd.user (${message})`
          : `etcd refuses the login in --etcd.user, or does not let it read ${key} (${message})`,
      );
    }
    if (code === undefined && status === 404) {
      throw new Error("etcd does not serve its v2 key space");
    }
    throw new Error(message);
  }
}

/** With its slash at the end: etcd compares that with what a login may read. */
function pathOf(key: string): string {
  return `/v2/keys${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** The keys of an answer, as it comes. */
async function* leavesOf(
  exchange: Exchange,
  timeout: number,
): AsyncGenerator<Node> {
  try {
    const leaves = new Leaves();
    let size = 0;
    for (let piece; (piece = await exchange.read(timeout)) !== undefined;) {
      size += piece.length;
      for (const node of leaves.push(piece)) {
        size += KEY_COST;
        yield node;
      }
      if (size > MAX_LIST) throw new Error("etcd's answer is too long");
    }
    leaves.close();
  } finally {
    exchange.close();
  }
}

function summed({ value, index }: Node): Sum {
  return { revision: index, sum: sumOf(encoder.encode(value)) };
}
