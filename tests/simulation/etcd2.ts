/**
 * etcd's v2 key space by HTTP, as its members serve it over simulated links.
 *
 * @module
 */
import { onAbort } from "../../lib/abort.ts";
import type { Content, KeyEvent, Member } from "./keyspace.ts";
import { Channel, type Link, type Place, soon } from "./network.ts";

/** How long a member tries to reach the others for a read, in ms. */
const READ_TIMEOUT = 7_000;

/** How late an event is that is lost on its way and sent again, in ms. */
const LATE = 5_000;

/** How many events etcd remembers. */
export const HISTORY = 1_000;

/** etcd's error codes. */
const KEY_NOT_FOUND = 100;
const RAFT_INTERNAL = 300;
const EVENT_INDEX_CLEARED = 401;

/** A key or a directory in an answer. */
interface Node {
  readonly key?: string;
  readonly value?: string;
  readonly dir?: true;
  readonly nodes?: readonly Node[];
  readonly modifiedIndex?: number;
}

/**
 * Asks a member.
 *
 * @throws {TypeError} when it cannot be reached, as `fetch` does
 */
export function fetchKeys(
  place: Place,
  url: URL,
  signal?: AbortSignal,
): Promise<Response> {
  const exchange = new Exchange(place, url);
  if (signal !== undefined) onAbort(signal, () => exchange.lose(signal.reason));
  return exchange.response.promise;
}

/** One request and its answer, on a connection of its own. */
class Exchange {
  readonly response = Promise.withResolvers<Response>();
  readonly #link: Link;
  readonly #member: Member;
  readonly #answer: Channel;
  readonly #extra: number;
  readonly #isLast: boolean;
  readonly #isLost: boolean;
  readonly #disconnect: () => void;
  #body?: ReadableStreamDefaultController<Uint8Array>;
  #endPoll?: () => void;
  #isOver = false;

  constructor({ link, member }: Place, url: URL) {
    this.#link = link;
    this.#member = member;
    this.#answer = new Channel(link);
    const fault = link.callFaults.shift();
    this.#extra = fault === "late" ? 2_500 : 0;
    this.#isLast = fault === "last";
    this.#isLost = fault === "lost after";
    this.#disconnect = link.connect(this);
    if (!link.isOpen || fault === "refused") {
      setTimeout(() => this.lose(new TypeError("connection refused")), 1);
      return;
    }
    link.deliver(() => {
      if (this.#isOver) return;
      if (fault === "lost before") return this.#drop();
      this.#serve(url);
    });
  }

  /** Ends it, because of an error. */
  lose(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.response.reject(error);
    this.#body?.error(error);
  }

  #drop(): void {
    this.lose(new TypeError("connection closed before message completed"));
  }

  #end(): void {
    this.#isOver = this.#answer.isOver = true;
    this.#disconnect();
    this.#endPoll?.();
  }

  async #serve({ pathname, searchParams }: URL): Promise<void> {
    const key = pathname.slice("/v2/keys".length).split("/")
      .filter((name) => name !== "").map((name) =>
        `/${decodeURIComponent(name)}`
      )
      .join("");
    if (!pathname.startsWith("/v2/keys/")) {
      return this.#reply(404, {}, "404 page not found");
    }
    if (searchParams.has("wait")) {
      return this.#poll(key, Number(searchParams.get("waitIndex")));
    }
    if (searchParams.get("quorum") === "true") {
      this.#member.keyspace.agree();
      try {
        await this.#member.catchUp(READ_TIMEOUT);
      } catch {
        return this.#complain(500, RAFT_INTERNAL, "Raft Internal Error", key);
      }
    }
    const isDeep = searchParams.get("recursive") === "true";
    const node = nodeOf(this.#member.content, key, isDeep, true);
    if (node === undefined) {
      return this.#complain(404, KEY_NOT_FOUND, "Key not found", key);
    }
    this.#reply(200, this.#heads, JSON.stringify({ action: "get", node }));
  }

  /** Answers with the first event from an index on, when there is one. */
  #poll(key: string, from: number): void {
    const { applied, keyspace } = this.#member;
    if (from <= applied - HISTORY) {
      const message = "The event in requested index is outdated and cleared";
      return this.#complain(400, EVENT_INDEX_CLEARED, message, key);
    }
    if (performance.now() < this.#link.pollsEndUntil) {
      this.#link.pollsEnded++;
      return this.#reply(200, this.#heads, "");
    }
    const faults = this.#link.watchFaults;
    const isSilent = faults[0] === "silent";
    if (isSilent) {
      faults.shift();
      this.#link.lostAt = performance.now();
    }
    this.#begin(200, this.#heads);
    let next = Math.max(from, 1);
    let isWaiting = false;
    const look = () => {
      if (this.#member.keyspace !== keyspace) return;
      while (next <= this.#member.applied) {
        const event = keyspace.events(next++).find((one) => concerns(one, key));
        if (event === undefined || isSilent) continue;
        if (faults[0] === "lost") {
          faults.shift();
          this.#link.lostAt = performance.now();
          continue;
        }
        this.#endPoll?.();
        if (!isWaiting) this.#pause();
        const { eventsLateUntil } = this.#link;
        const isLate = isWaiting && performance.now() < eventsLateUntil;
        const extra = isLate ? LATE : 0;
        return this.#finish(JSON.stringify(toEvent(event)), extra);
      }
    };
    this.#endPoll = this.#member.onApply(look);
    look();
    isWaiting = true;
  }

  /** Lets the link be silent when what was sent has come, if that is due. */
  #pause(): void {
    const link = this.#link;
    const time = link.pauseInPoll;
    link.pauseInPoll = 0;
    if (time === 0) return;
    this.#answer.send(() => {
      link.isSilent = true;
      setTimeout(() => link.isSilent = false, time);
    });
  }

  get #heads(): Record<string, string> {
    const { applied, keyspace: { clusterId, agreed, term } } = this.#member;
    return {
      "X-Etcd-Cluster-Id": clusterId,
      "X-Etcd-Index": String(applied),
      "X-Raft-Index": String(agreed),
      "X-Raft-Term": String(term),
    };
  }

  #complain(status: number, code: number, message: string, key: string): void {
    const index = this.#member.applied;
    const heads = {
      "X-Etcd-Cluster-Id": this.#member.keyspace.clusterId,
      "X-Etcd-Index": String(index),
    };
    const body = { errorCode: code, message, cause: key, index };
    this.#reply(status, heads, JSON.stringify(body));
  }

  #reply(status: number, headers: Record<string, string>, body: string): void {
    this.#begin(status, headers);
    this.#finish(body);
  }

  /** Sends the headers. */
  #begin(status: number, headers: Record<string, string>): void {
    if (this.#isLost) return this.#drop();
    this.#answer.send(() => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#body = controller;
        },
        cancel: () => this.#end(),
      }, { highWaterMark: 0 });
      this.response.resolve(new Response(body, { status, headers }));
      if (this.#isLast) soon(() => this.#drop());
    }, this.#extra);
  }

  /** Sends the body, and ends it. @param extra how much later, in ms */
  #finish(text: string, extra = 0): void {
    const bytes = new TextEncoder().encode(text);
    const cut = Math.floor(Math.random() * 2 * bytes.length);
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      if (piece.length === 0) continue;
      this.#answer.send(() => this.#body?.enqueue(piece), extra);
    }
    this.#answer.send(() => {
      this.#end();
      this.#body?.close();
    });
  }
}

/** Whether an event is of a key, or of what is or was in a directory. */
function concerns({ key, isDirectory }: KeyEvent, path: string): boolean {
  return key === path || key.startsWith(`${path}/`) ||
    isDirectory === true && path.startsWith(`${key}/`);
}

function toEvent({ key, value, revision, isDirectory }: KeyEvent) {
  return value === undefined
    ? {
      action: "delete",
      node: { key, modifiedIndex: revision, ...isDirectory && { dir: true } },
    }
    : {
      action: "set",
      node: { key, value: value.toString(), modifiedIndex: revision },
    };
}

/** What there is at a path. @param isFirst it is what was asked for, and not in that */
function nodeOf(
  content: Content,
  path: string,
  isDeep: boolean,
  isFirst = false,
): Node | undefined {
  const { keys, directories } = content;
  const entry = keys.get(path);
  if (entry !== undefined) {
    const { key, value, revision } = entry;
    return { key, value: value.toString(), modifiedIndex: revision };
  }
  const directory = directories.get(path);
  if (directory === undefined && path !== "") return undefined;
  const node = {
    key: path,
    dir: true,
    modifiedIndex: directory?.revision,
  } as const;
  if (!isDeep && !isFirst) return node;
  const names = new Set<string>();
  for (const inner of [...directories.keys(), ...keys.keys()]) {
    if (!inner.startsWith(`${path}/`)) continue;
    names.add(inner.slice(path.length + 1).split("/")[0] ?? "");
  }
  const nodes = [...names].map((name) =>
    nodeOf(content, `${path}/${name}`, isDeep)
  ).filter((one) => one !== undefined);
  return { ...node, nodes };
}
