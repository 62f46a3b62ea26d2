/**
 * etcd's v2 API, as its members serve it over simulated links.
 *
 * @module
 */
import { onAbort } from "../../lib/abort.ts";
import type { Content, KeyEvent } from "./keyspace.ts";
import type { Member } from "./member.ts";
import {
  Channel,
  type Link,
  responseDelay,
  type Route,
  soon,
} from "./network.ts";

/** How late an event arrives that was lost on its way and sent again, in ms. */
const RESEND_DELAY = 5_000;

/** The number of events in etcd's history. */
export const HISTORY = 1_000;

/** etcd's error codes. */
const KEY_NOT_FOUND = 100;
const RAFT_INTERNAL = 300;
const EVENT_INDEX_CLEARED = 401;

/** A key or a directory in a response. */
interface Node {
  readonly key?: string;
  readonly value?: string;
  readonly dir?: true;
  readonly nodes?: readonly Node[];
  readonly modifiedIndex?: number;
}

/**
 * Sends a member a request.
 *
 * @throws {TypeError} when it cannot be reached, as `fetch` does
 */
export function fetchKeys(
  route: Route,
  url: URL,
  signal?: AbortSignal,
): Promise<Response> {
  const request = new HttpRequest(route, url);
  if (signal !== undefined) onAbort(signal, () => request.drop(signal.reason));
  return request.response.promise;
}

/** A request and its response, on a separate connection. */
class HttpRequest {
  readonly response = Promise.withResolvers<Response>();
  readonly #link: Link;
  readonly #member: Member;
  readonly #toClient: Channel;
  /** Additional delay of the headers, in ms. */
  readonly #delay: number;
  readonly #isCutAfter: boolean;
  readonly #isResponseLost: boolean;
  readonly #disconnect: () => void;
  #body?: ReadableStreamDefaultController<Uint8Array>;
  #stopPoll?: () => void;
  #isOver = false;

  constructor({ link, member }: Route, url: URL) {
    this.#link = link;
    this.#member = member;
    this.#toClient = new Channel(link);
    const fault = link.callFaults.shift();
    this.#delay = responseDelay(fault);
    this.#isCutAfter = fault === "cut after response";
    this.#isResponseLost = fault === "response lost";
    this.#disconnect = link.connect(this);
    if (!link.isOpen || fault === "refused") {
      setTimeout(() => this.drop(new TypeError("connection refused")), 1);
      return;
    }
    link.deliver(() => {
      if (this.#isOver) return;
      if (fault === "request lost") return this.#dropEarly();
      this.#serve(url);
    });
  }

  /** Fails the request, or the rest of its response. */
  drop(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.response.reject(error);
    this.#body?.error(error);
  }

  /** Drops the connection before the response is complete. */
  #dropEarly(): void {
    this.drop(new TypeError("connection closed before message completed"));
  }

  #end(): void {
    this.#isOver = this.#toClient.isOver = true;
    this.#disconnect();
    this.#stopPoll?.();
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
      this.#member.keyspace.addQuorumRead();
      try {
        await this.#member.catchUp();
      } catch {
        return this.#replyError(500, RAFT_INTERNAL, "Raft Internal Error", key);
      }
    }
    const isDeep = searchParams.get("recursive") === "true";
    const node = nodeOf(this.#member.content, key, isDeep, true);
    if (node === undefined) {
      return this.#replyError(404, KEY_NOT_FOUND, "Key not found", key);
    }
    this.#reply(200, this.#headers, JSON.stringify({ action: "get", node }));
  }

  /** Responds with the first event from an index on, once there is one. */
  #poll(key: string, from: number): void {
    const { applied, keyspace } = this.#member;
    if (from <= applied - HISTORY) {
      const message = "The event in requested index is outdated and cleared";
      return this.#replyError(400, EVENT_INDEX_CLEARED, message, key);
    }
    if (performance.now() < this.#link.pollsEndUntil) {
      this.#link.pollsEnded++;
      return this.#reply(200, this.#headers, "");
    }
    const isSilent = this.#link.takeWatchFault("silent");
    if (isSilent) this.#link.recordLoss();
    this.#begin(200, this.#headers);
    let next = Math.max(from, 1);
    let isWaiting = false;
    const check = () => {
      if (this.#member.keyspace !== keyspace) return;
      while (next <= this.#member.applied) {
        const event = keyspace.events(next++).find((one) => concerns(one, key));
        if (event === undefined || isSilent) continue;
        if (this.#link.takeWatchFault("change lost")) {
          this.#link.recordLoss();
          continue;
        }
        this.#stopPoll?.();
        if (!isWaiting) this.#pauseLink();
        const { eventsLateUntil } = this.#link;
        const isLate = isWaiting && performance.now() < eventsLateUntil;
        const delay = isLate ? RESEND_DELAY : 0;
        return this.#finish(JSON.stringify(toEvent(event)), delay);
      }
    };
    this.#stopPoll = this.#member.onApply(check);
    check();
    isWaiting = true;
  }

  /** Makes the link silent once the headers have arrived, if that fault is pending. */
  #pauseLink(): void {
    const link = this.#link;
    const time = link.pauseInPoll;
    link.pauseInPoll = 0;
    if (time === 0) return;
    this.#toClient.send(() => {
      link.isSilent = true;
      setTimeout(() => link.isSilent = false, time);
    });
  }

  get #headers(): Record<string, string> {
    const { applied, keyspace: { clusterId, raftIndex, term } } = this.#member;
    return {
      "X-Etcd-Cluster-Id": clusterId,
      "X-Etcd-Index": String(applied),
      "X-Raft-Index": String(raftIndex),
      "X-Raft-Term": String(term),
    };
  }

  #replyError(
    status: number,
    code: number,
    message: string,
    key: string,
  ): void {
    const index = this.#member.applied;
    const headers = {
      "X-Etcd-Cluster-Id": this.#member.keyspace.clusterId,
      "X-Etcd-Index": String(index),
    };
    const body = { errorCode: code, message, cause: key, index };
    this.#reply(status, headers, JSON.stringify(body));
  }

  #reply(status: number, headers: Record<string, string>, body: string): void {
    this.#begin(status, headers);
    this.#finish(body);
  }

  /** Sends the headers. */
  #begin(status: number, headers: Record<string, string>): void {
    if (this.#isResponseLost) return this.#dropEarly();
    this.#toClient.send(() => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#body = controller;
        },
        cancel: () => this.#end(),
      }, { highWaterMark: 0 });
      this.response.resolve(new Response(body, { status, headers }));
      if (this.#isCutAfter) soon(() => this.#dropEarly());
    }, this.#delay);
  }

  /** Sends the body, and ends the response. @param delay additional, in ms */
  #finish(text: string, delay = 0): void {
    const bytes = new TextEncoder().encode(text);
    const cut = Math.floor(Math.random() * 2 * bytes.length);
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      if (piece.length === 0) continue;
      this.#toClient.send(() => this.#body?.enqueue(piece), delay);
    }
    this.#toClient.send(() => {
      this.#end();
      this.#body?.close();
    });
  }
}

/** Whether an event is of a path, of something in it, or of a directory that contains it. */
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

/** The node at a path. @param isRequested whether it is the requested node, not one below it */
function nodeOf(
  content: Content,
  path: string,
  isDeep: boolean,
  isRequested = false,
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
  if (!isDeep && !isRequested) return node;
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
