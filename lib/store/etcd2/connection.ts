import { Buffer } from "node:buffer";
import {
  AccessDenied,
  Connection,
  readFirstAllowed,
  type ResponseHeader,
} from "../connection.ts";
import type { Login } from "../kind.ts";
import type { Entry } from "../store.ts";
import {
  checksum,
  errorOf,
  headerOf,
  type KeyVersion,
  type Node,
  NodeParser,
  versionOf,
} from "./messages.ts";
import { CHUNK_TIMEOUT, HttpRequest, Poll, TIMEOUT } from "./request.ts";

/**
 * Limit for a subtree, in bytes, and what a key counts for besides its JSON, as
 * it takes more than that in memory. A cluster's state is some 100 MB.
 */
const MAX_LIST = 256 * 1024 * 1024;
const KEY_COST = 512;
/** Limit for an error, in bytes. */
const MAX_ERROR = 64 * 1024;

/** Error of another history than before. */
export const RESTORED = "etcd was restored from a backup";

/** Query for everything under a directory, linearizable. */
const ALL = "recursive=true&quorum=true";

/** etcd's error codes. */
const KEY_NOT_FOUND = 100;
const EVENT_INDEX_CLEARED = 401;

const encoder = new TextEncoder();

/** Everything under a prefix at the header's revision, unsorted. */
export interface Listing {
  readonly header: ResponseHeader;
  readonly entries: readonly Entry[];
}

/**
 * One connection to one etcd endpoint, by HTTP/1.1, as etcd 2 has nothing else.
 * Each poll takes a TCP connection; other connections do not share them.
 *
 * @see https://etcd.io/docs/v2.3/api/
 */
export class Etcd2Connection extends Connection {
  readonly #client: Deno.HttpClient;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #isAnonymous: boolean;
  #clusterId?: string;

  constructor(endpoint: string, { tls, auth }: Login) {
    super(endpoint);
    const { protocol, hostname, port } = new URL(endpoint);
    const texts = tls?.read();
    this.#client = Deno.createHttpClient({
      http2: false,
      caCerts: texts && [texts.ca],
      ...texts?.client,
      // Ignores a proxy that the environment names. Over TLS, Deno has no way to.
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
   * Waits until etcd answers for one of some keys.
   *
   * @throws {AccessDenied} when this login may read none of them
   * @throws {Error} when etcd does not respond
   */
  open(keys: Iterable<string>): Promise<ResponseHeader> {
    return readFirstAllowed(
      keys,
      async (key) => (await this.read(key)).header,
    );
  }

  /**
   * Reads the version of a key's value, linearizable: a member that lags or is
   * cut off from the others does not respond.
   */
  async read(
    key: string,
  ): Promise<{ header: ResponseHeader; version?: KeyVersion }> {
    const { header, nodes } = await this.#read(key, "quorum=true", TIMEOUT);
    let version: KeyVersion | undefined;
    for await (const node of nodes) {
      if (node.key === key) version = keyVersionOf(node);
    }
    return { header, version };
  }

  /** Reads a key as this member knows it. @throws when etcd does not respond */
  async ping(key: string): Promise<void> {
    const { nodes } = await this.#read(key, "", TIMEOUT);
    for await (const _ of nodes);
  }

  /** Reads everything under a prefix, linearizable. */
  async list(prefix: string): Promise<Listing> {
    const { header, nodes } = await this.#read(prefix, ALL, CHUNK_TIMEOUT);
    const entries: Entry[] = [];
    for await (const { key, value, index } of nodes) {
      entries.push({ key, value: encoder.encode(value), revision: index });
    }
    return { header, entries };
  }

  /** Reads the versions of all values under a prefix, linearizable, without keeping the values. */
  async listVersions(prefix: string): Promise<{
    header: ResponseHeader;
    versions: ReadonlyMap<string, KeyVersion>;
  }> {
    const { header, nodes } = await this.#read(prefix, ALL, CHUNK_TIMEOUT);
    const versions = new Map<string, KeyVersion>();
    for await (const node of nodes) versions.set(node.key, keyVersionOf(node));
    return { header, versions };
  }

  /** Whether there is a key under a prefix, as far as this member knows. */
  async holds(prefix: string): Promise<boolean> {
    const { nodes } = await this.#read(prefix, "recursive=true", TIMEOUT);
    for await (const _ of nodes) return true;
    return false;
  }

  /** Reads the server's version, `2.3.7`. @throws {Error} when it has none */
  async version(): Promise<string> {
    const request = new HttpRequest(this.signal);
    try {
      await this.#get(request, "/version", TIMEOUT);
      return versionOf(await request.text(MAX_ERROR, TIMEOUT));
    } finally {
      request.close();
    }
  }

  /**
   * Polls for the first event under a prefix from an index on, in etcd's
   * history or later. Resolves when etcd has looked into its history.
   *
   * @returns "cleared" when the history no longer reaches back to the index
   * @throws {AccessDenied} when this login may not read the prefix
   */
  async poll(prefix: string, index: number): Promise<Poll | "cleared"> {
    const query = `recursive=true&wait=true&waitIndex=${index}`;
    const path = `${pathOf(prefix)}?${query}`;
    const request = new HttpRequest(this.signal);
    try {
      const response = await this.#get(request, path, TIMEOUT);
      if (response.ok) {
        return new Poll(this.#headerOf(response).revision, request);
      }
      await this.#expectError(request, response, EVENT_INDEX_CLEARED);
    } catch (error) {
      request.close();
      throw error;
    }
    request.close();
    return "cleared";
  }

  protected override release(): void {
    this.#client.close();
  }

  /** Reads a key or a directory. The nodes are parsed while they are taken. */
  async #read(
    key: string,
    query: string,
    timeout: number,
  ): Promise<
    { header: ResponseHeader; nodes: Iterable<Node> | AsyncIterable<Node> }
  > {
    const request = new HttpRequest(this.signal);
    try {
      const path = `${pathOf(key)}?${query}`;
      const response = await this.#get(request, path, timeout);
      if (response.ok) {
        const header = this.#headerOf(response);
        return { header, nodes: parseNodes(request, timeout) };
      }
      await this.#expectError(request, response, KEY_NOT_FOUND);
      request.close();
      return { header: this.#headerOf(response), nodes: [] };
    } catch (error) {
      request.close();
      throw error;
    }
  }

  /** Reads the header of a response. @throws {Error} when another cluster answers than at first */
  #headerOf({ headers }: Response): ResponseHeader {
    const header = headerOf(headers);
    this.#clusterId ??= header.clusterId;
    if (header.clusterId !== this.#clusterId) throw new Error(RESTORED);
    return header;
  }

  #get(request: HttpRequest, path: string, timeout: number): Promise<Response> {
    return request.open(
      this.endpoint + path,
      { client: this.#client, headers: this.#headers },
      timeout,
    );
  }

  /**
   * Reads the error of a response.
   *
   * @param expected the code at which this returns
   * @throws {AccessDenied | Error} on any other error
   */
  async #expectError(
    request: HttpRequest,
    { status, headers }: Response,
    expected: number,
  ): Promise<void> {
    const location = headers.get("Location");
    if (location !== null) {
      throw new Error(`it redirects to ${location.slice(0, 200)}`);
    }
    const text = await request.text(MAX_ERROR, TIMEOUT);
    const { code, message } = errorOf(status, text);
    if (code === expected) return;
    if (status === 401 || status === 403) {
      throw new AccessDenied(
        this.#isAnonymous
          ? `etcd asks for a login: give one in --etcd.user (${message})`
          : `etcd refuses the login in --etcd.user, or does not let it read this (${message})`,
      );
    }
    if (code === undefined && status === 404) {
      throw new Error("etcd does not serve its v2 key space");
    }
    throw new Error(message);
  }
}

/** Returns a key's path, with its final slash: etcd compares that with what a login may read. */
function pathOf(key: string): string {
  return `/v2/keys${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** Parses the keys of a response while it arrives. */
async function* parseNodes(
  request: HttpRequest,
  timeout: number,
): AsyncGenerator<Node> {
  try {
    const parser = new NodeParser();
    let size = 0;
    for (let chunk; (chunk = await request.read(timeout)) !== undefined;) {
      size += chunk.length;
      for (const node of parser.push(chunk)) {
        size += KEY_COST;
        yield node;
      }
      if (size > MAX_LIST) throw new Error("etcd's response is too long");
    }
    parser.close();
  } finally {
    request.close();
  }
}

function keyVersionOf({ value, index }: Node): KeyVersion {
  return { revision: index, checksum: checksum(encoder.encode(value)) };
}
