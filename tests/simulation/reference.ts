import { Unavailable } from "../../lib/errors.ts";
import type { Lainlet } from "../../lib/http/handler.ts";
import type { State } from "../../lib/broadcast/state.ts";
import { MESSAGE_HEAD, messageFrame } from "../../lib/grpc/message.ts";
import { canonical, isObject } from "../../lib/json.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { View, ViewDefinition } from "../../lib/view/view.ts";
import { methodOf, replyText } from "./grpc_call.ts";
import { lainletOf } from "./lainlet.ts";
import { comparableBody, LOCAL, viewOf, type ViewRequest } from "./requests.ts";
import type { Changes } from "../util/store.ts";

const SUPER_APPS = "super_apps/";

/** A torn state is possible only if at least this many states come within this time, in ms. */
const BURST = { states: 4, within: 200 };

/** How long the read of a torn state may take, in ms: a connection that does not respond is closed earlier. */
const TORN_WITHIN = 15_000;

/** A state of the store, and the correct responses. */
interface RecordedState {
  readonly time: number;
  /** The time without suspensions, in ms. */
  readonly awakeTime: number;
  readonly revision: number;
  /** The number of the store's history. */
  readonly history: number;
  /** By request: its response, as comparable text; undefined: an error. */
  readonly responses: readonly (string | undefined)[];
  /** By request: whether its caller has the right to it. */
  readonly isAllowed: readonly boolean[];
  /** By request: the app of its caller. */
  readonly apps: readonly (string | undefined)[];
  readonly superApps: ReadonlySet<string>;
}

/** A requested view. */
interface RequestedView {
  readonly view: View;
  readonly params: URLSearchParams;
  /** Renders the response: the view, or its gRPC variant. */
  readonly definition: ViewDefinition;
}

/**
 * The correct responses for each state that the store was in, from a separate
 * lainlet that gets every change at once. States are numbered from 0 in the
 * order in which they are recorded.
 */
export class Reference {
  readonly #states: RecordedState[] = [];
  #history = 0;
  /** Whether the store was empty before this history, and that is not recorded yet. */
  #wasEmpty = false;
  /** Whether anything changed since the last recorded state. */
  #isChanged = false;
  #store = new MemoryStore();
  #lainlet?: Lainlet;
  readonly #views: readonly RequestedView[];
  /** By request: the version of its watcher in the last recorded state. */
  #versions: number[] = [];
  /** How long all processes were suspended, in ms: pending work is that much older. */
  suspendedTime = 0;

  /** @param hasAtomicStates whether each delivered state is of one revision */
  constructor(
    private readonly requests: readonly ViewRequest[],
    private readonly hasAtomicStates: boolean,
  ) {
    this.#views = requests.map(({ path, grpc }) => {
      const { view, params } = viewOf(path);
      const variant = grpc && view.rpc?.framedBy(messageFrame);
      return { view, params, definition: variant ?? view };
    });
  }

  /** The number of the latest state. */
  get latest(): number {
    return this.#states.length - 1;
  }

  /**
   * To be called when another history replaced the store's.
   *
   * @param wasEmpty whether the store was empty before: lainlets do not deliver
   * that, but one subtree may have been read then
   */
  beginHistory(
    content: Iterable<readonly [key: string, value: string]>,
    wasEmpty: boolean,
  ): void {
    this.close();
    this.#wasEmpty = wasEmpty;
    this.#isChanged = true;
    this.#history++;
    this.#versions = [];
    this.#store = new MemoryStore(content);
    this.#lainlet = lainletOf(this.#store);
  }

  /** To be called with each change. */
  commit(changes: Changes): void {
    this.#isChanged = true;
    const encoder = new TextEncoder();
    this.#store.commit(
      Object.entries(changes).map(([key, value]) => ({
        key,
        value: typeof value === "string"
          ? encoder.encode(value)
          : value ?? undefined,
      })),
    );
  }

  /** Records the store's state; to be called when all its changes have arrived. */
  record(revision: number): void {
    const lainlet = this.#lainlet;
    if (lainlet === undefined) return;
    const last = this.#states.at(-1);
    const time = performance.now();
    if (last !== undefined && !this.#isChanged) {
      return void this.#states.push({ ...last, time, revision });
    }
    this.#isChanged = false;
    const superApps = Array.from(
      lainlet.cluster.config.entries(SUPER_APPS),
      ([key]) => key.slice(SUPER_APPS.length),
    );
    const state: RecordedState = {
      time,
      awakeTime: time - this.suspendedTime,
      revision,
      history: this.#history,
      responses: this.#views.map((_, i) =>
        this.#respond(lainlet, i, last?.responses[i])
      ),
      isAllowed: this.requests.map(({ peer }, i) =>
        this.#hasRight(lainlet, i, peer)
      ),
      apps: this.requests.map(({ peer }) => lainlet.rights.appOf(peer)),
      superApps: new Set(superApps),
    };
    if (this.#wasEmpty) {
      const responses = this.requests.map(() => "{}");
      this.#states.push({ ...state, responses, revision: 0 });
      this.#wasEmpty = false;
    }
    this.#states.push(state);
  }

  /** The present response to a request. @param last the response in the last state */
  #respond(
    lainlet: Lainlet,
    requestIndex: number,
    last: string | undefined,
  ): string | undefined {
    const { view, params, definition } = this.#viewOf(requestIndex);
    const { version } = lainlet.cluster[watcherName(view, lainlet)];
    if (this.#versions[requestIndex] === version) return last;
    this.#versions[requestIndex] = version;
    const query = lainlet.views.query(params, LOCAL);
    try {
      const source = definition.source(lainlet, view.select(query));
      return this.#textOf(source.render(), requestIndex);
    } catch (error) {
      if (error instanceof Unavailable) return undefined;
      throw error;
    }
  }

  /** Whether a caller may send a request at present. */
  #hasRight(lainlet: Lainlet, requestIndex: number, peer: string): boolean {
    const { view, params } = this.#viewOf(requestIndex);
    try {
      view.select(lainlet.views.query(params, peer));
      return true;
    } catch {
      return false;
    }
  }

  #viewOf(requestIndex: number): RequestedView {
    const found = this.#views[requestIndex];
    if (found === undefined) throw new Error(`no request ${requestIndex}`);
    return found;
  }

  #textOf({ body, bytes }: State, requestIndex: number): string {
    const { grpc } = this.requests[requestIndex] ?? {};
    if (grpc === undefined) {
      return comparableBody(new TextDecoder().decode(body));
    }
    const message = bytes.subarray(MESSAGE_HEAD);
    return replyText(methodOf(grpc.service, "get"), message);
  }

  /** The response to a request in a state. */
  response(requestIndex: number, state = this.latest): string | undefined {
    return this.#states[state]?.responses[requestIndex];
  }

  /** The store's state when the oldest pending work began. @param age its maximal age, in ms */
  stateBefore(age: number): number {
    return this.stateAt(performance.now() - age - this.suspendedTime);
  }

  /** The store's state at a time. */
  stateAt(time: number): number {
    return this.#states.findLastIndex((state) => state.time <= time);
  }

  /**
   * Whether the caller may see the response in some state from `from` on. The
   * owners of addresses and the super apps come by different watches, so they
   * may be of different states.
   */
  isAllowed(requestIndex: number, from: number): boolean {
    const states = this.#states.slice(Math.max(0, from));
    if (states.some(({ isAllowed }) => isAllowed[requestIndex])) return true;
    const apps = new Set(states.map(({ apps }) => apps[requestIndex]));
    return states.some(({ superApps }) =>
      superApps.values().some((app) => apps.has(app))
    );
  }

  /**
   * Whether a response exists only in states whose change also revoked the
   * caller's right, so that it must not be sent. Super rights are exempt: they
   * come by another watch.
   *
   * @param from the first state that the response may be of
   * @param rightsFrom the first state that rights may be of
   */
  isRevoked(
    requestIndex: number,
    response: string,
    from: number,
    rightsFrom: number,
  ): boolean {
    const isSuper = (app = "") =>
      this.#states.slice(Math.max(0, rightsFrom))
        .some(({ superApps }) => superApps.has(app));
    let isOfAny = false;
    for (let i = from; i < this.#states.length; i++) {
      const [before, after] = [this.#states[i - 1], this.#states[i]];
      if (after?.responses[requestIndex] !== response) continue;
      isOfAny = true;
      const isRevoked = before?.isAllowed[requestIndex] === true &&
        after.isAllowed[requestIndex] === false &&
        before.history === after.history &&
        before.apps[requestIndex] !== after.apps[requestIndex] &&
        before.responses[requestIndex] !== after.responses[requestIndex] &&
        !isSuper(after.apps[requestIndex]);
      if (!isRevoked) return false;
    }
    return isOfAny;
  }

  /**
   * The first state from `from` on in which a request has this response.
   *
   * @param revision the state must include it
   * @returns -1: none
   */
  find(requestIndex: number, response: string, from = 0, revision = 0): number {
    const includes = ({ history }: RecordedState, i: number) => {
      const next = this.#states[i + 1];
      return i >= from &&
        (next === undefined || next.history !== history ||
          next.revision > revision);
    };
    const found = this.#states.findIndex((state, i) =>
      i >= from && state.responses[requestIndex] === response &&
      includes(state, i)
    );
    return found >= 0 || this.hasAtomicStates
      ? found
      : this.#findTorn(requestIndex, response, includes);
  }

  /**
   * As {@linkcode find}, for a torn response: its members are of several states
   * within seconds, as keys were written while they were read.
   */
  #findTorn(
    requestIndex: number,
    response: string,
    includes: (state: RecordedState, i: number) => boolean,
  ): number {
    const first = this.#states.findIndex(includes);
    if (first < 0) return -1;
    const members = membersOf(response);
    const states = this.#states.map(({ awakeTime, responses }, i) => ({
      awakeTime,
      members: i < first ? {} : membersOf(responses[requestIndex]),
    }));
    for (const [end, { awakeTime }] of states.entries()) {
      const burst = states[end - BURST.states + 1]?.awakeTime ?? -Infinity;
      if (end < first || awakeTime - burst > BURST.within) continue;
      const begin = Math.max(
        first,
        states.findLastIndex((one) => one.awakeTime <= awakeTime - TORN_WITHIN),
      );
      const window = states.slice(begin, end + 1);
      const names = new Set(
        [{ members }, ...window].flatMap((one) => Object.keys(one.members)),
      );
      const isOfSome = names.values().every((name) =>
        window.some((one) => one.members[name] === members[name])
      );
      if (isOfSome) return begin;
    }
    return -1;
  }

  /** The first state from `from` on in which several requests have these responses; -1: none. */
  findJoint(responses: ReadonlyMap<number, string>, from: number): number {
    return this.#states.findIndex((state, i) =>
      i >= from &&
      responses.entries().every(([requestIndex, response]) =>
        state.responses[requestIndex] === response
      )
    );
  }

  close(): void {
    this.#lainlet?.close();
    this.#lainlet = undefined;
  }
}

/** The members of a response that is an object, each as canonical JSON; otherwise none. */
function membersOf(response: string | undefined): Record<string, string> {
  const value: unknown = JSON.parse(response ?? "null");
  if (!isObject(value)) return {};
  const members = Object.entries(value)
    .map(([name, member]) => [name, canonical(member)] as const);
  return Object.fromEntries(members);
}

/** The name of a view's watcher. */
function watcherName(
  view: View,
  { cluster }: Lainlet,
): keyof Lainlet["cluster"] {
  const watcher = view.watcher(cluster);
  const names = [
    "config",
    "container",
    "depends",
    "nodes",
    "podgroup",
  ] as const;
  const found = names.find((name) => cluster[name] === watcher);
  if (found === undefined) throw new Error(`${view.paths[0]} has no watcher`);
  return found;
}
