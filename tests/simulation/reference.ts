import { Unavailable } from "../../lib/errors.ts";
import type { Lainlet } from "../../lib/http/handler.ts";
import type { State } from "../../lib/broadcast/state.ts";
import { MESSAGE_HEAD, messageFrame } from "../../lib/grpc/message.ts";
import { canonical, isObject } from "../../lib/json.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { View, ViewDefinition } from "../../lib/view/view.ts";
import { methodOf, replyText } from "./grpc.ts";
import { lainletOf } from "./lainlet.ts";
import { answerOf, LOCAL, type Question, viewOf } from "./questions.ts";
import type { Changes } from "../util/store.ts";

const SUPER_APPS = "super_apps/";

/** A torn state is possible only if at least this many states come within this time, in ms. */
const BURST = { states: 4, within: 200 };

/** How long the read of a torn state may take, in ms: a connection that does not respond is closed earlier. */
const TORN_WITHIN = 15_000;

/** A state of the store, and the correct responses. */
interface Moment {
  readonly time: number;
  /** The time without suspensions, in ms. */
  readonly awake: number;
  readonly revision: number;
  /** The number of the store's history. */
  readonly history: number;
  /** The response to each question, as canonical JSON; undefined: an error. */
  readonly answers: readonly (string | undefined)[];
  readonly isAllowed: readonly boolean[];
  /** The app of each question's caller, and the super apps. */
  readonly apps: readonly (string | undefined)[];
  readonly supers: ReadonlySet<string>;
}

/**
 * The correct responses for each state that the store was in, from a separate
 * lainlet that gets every change at once.
 */
export class Reference {
  readonly #moments: Moment[] = [];
  #history = 0;
  #isFromNothing = false;
  /** Whether anything changed since the last recorded state. */
  #isChanged = false;
  #store = new MemoryStore();
  #lainlet?: Lainlet;
  readonly #views: readonly {
    readonly view: View;
    readonly params: URLSearchParams;
    /** The view, or its gRPC variant. */
    readonly asked: ViewDefinition;
  }[];
  #versions: number[] = [];

  /** @param isWhole whether each delivered state is of one revision */
  constructor(
    private readonly questions: readonly Question[],
    private readonly isWhole: boolean,
  ) {
    this.#views = questions.map(({ path, grpc }) => {
      const { view, params } = viewOf(path);
      const asked = grpc && view.rpc?.framedBy(messageFrame);
      return { view, params, asked: asked ?? view };
    });
  }

  /** The number of the latest state. */
  get latest(): number {
    return this.#moments.length - 1;
  }

  get isEmpty(): boolean {
    return this.#moments.length === 0;
  }

  /**
   * To be called when another history replaced the store's.
   *
   * @param isFromNothing whether the store was empty before: lainlets do not
   * deliver that, but one subtree may have been read then
   */
  begin(
    content: Iterable<readonly [key: string, value: string]>,
    isFromNothing: boolean,
  ): void {
    this.close();
    this.#isFromNothing = isFromNothing;
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

  /** Records the responses for the store's state, after all changes arrived. */
  note(revision: number): void {
    const lainlet = this.#lainlet;
    if (lainlet === undefined) return;
    const last = this.#moments.at(-1);
    if (last !== undefined && !this.#isChanged) {
      const time = performance.now();
      return void this.#moments.push({ ...last, time, revision });
    }
    this.#isChanged = false;
    const answers = this.#views.map(({ view, params, asked }, i) => {
      const { version } = lainlet.cluster[nameOf(view, lainlet)];
      if (this.#versions[i] === version) return last?.answers[i];
      this.#versions[i] = version;
      const query = lainlet.views.query(params, LOCAL);
      try {
        const source = asked.source(lainlet, view.select(query));
        return this.#textOf(source.render(), i);
      } catch (error) {
        if (error instanceof Unavailable) return undefined;
        throw error;
      }
    });
    const isAllowed = this.#views.map(({ view, params }, i) => {
      const peer = this.questions[i]?.peer ?? "";
      try {
        view.select(lainlet.views.query(params, peer));
        return true;
      } catch {
        return false;
      }
    });
    const history = this.#history;
    const time = performance.now();
    const awake = time - this.suspended;
    const apps = this.questions.map(({ peer }) => lainlet.rights.appOf(peer));
    const supers = new Set(
      Array.from(
        lainlet.cluster.config.entries(SUPER_APPS),
        ([key]) => key.slice(SUPER_APPS.length),
      ),
    );
    const moment = {
      time,
      awake,
      revision,
      history,
      answers,
      isAllowed,
      apps,
      supers,
    };
    if (this.#isFromNothing) {
      const answers = this.questions.map(() => "{}");
      this.#moments.push({ ...moment, answers, revision: 0 });
      this.#isFromNothing = false;
    }
    this.#moments.push(moment);
  }

  #textOf({ body, bytes }: State, question: number): string {
    const { grpc } = this.questions[question] ?? {};
    if (grpc === undefined) {
      return answerOf(new TextDecoder().decode(body));
    }
    const message = bytes.subarray(MESSAGE_HEAD);
    return replyText(methodOf(grpc.service, "get"), message);
  }

  /** The response to a question in a state. */
  answer(question: number, moment = this.latest): string | undefined {
    return this.#moments[moment]?.answers[question];
  }

  /** How long all processes were suspended, in ms: pending work is that much older. */
  suspended = 0;

  /** The store's state when the oldest pending work began. @param age its maximal age, in ms */
  since(age: number): number {
    return this.at(performance.now() - age - this.suspended);
  }

  /** The store's state at a time. */
  at(time: number): number {
    return this.#moments.findLastIndex((moment) => moment.time <= time);
  }

  /**
   * Whether the caller may see the response in some state from `from` on. The
   * owners of addresses and the super apps come by different watches, so they
   * may be of different states.
   */
  isAllowed(question: number, from: number): boolean {
    const moments = this.#moments.slice(Math.max(0, from));
    if (moments.some(({ isAllowed }) => isAllowed[question])) return true;
    const apps = new Set(moments.map(({ apps }) => apps[question]));
    return moments.some(({ supers }) =>
      supers.values().some((app) => apps.has(app))
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
  isTaken(
    question: number,
    answer: string,
    from: number,
    rightsFrom: number,
  ): boolean {
    const isSuper = (app = "") =>
      this.#moments.slice(Math.max(0, rightsFrom))
        .some(({ supers }) => supers.has(app));
    let isOfAny = false;
    for (let i = from; i < this.#moments.length; i++) {
      const [before, after] = [this.#moments[i - 1], this.#moments[i]];
      if (after?.answers[question] !== answer) continue;
      isOfAny = true;
      const isTaken = before?.isAllowed[question] === true &&
        after.isAllowed[question] === false &&
        before.history === after.history &&
        before.apps[question] !== after.apps[question] &&
        before.answers[question] !== after.answers[question] &&
        !isSuper(after.apps[question]);
      if (!isTaken) return false;
    }
    return isOfAny;
  }

  /**
   * The first state from `from` on in which a question has this response.
   *
   * @param revision the state must include it
   * @returns -1: none
   */
  find(question: number, answer: string, from = 0, revision = 0): number {
    const isAfter = ({ history }: Moment, i: number) => {
      const next = this.#moments[i + 1];
      return i >= from &&
        (next === undefined || next.history !== history ||
          next.revision > revision);
    };
    const found = this.#moments.findIndex((moment, i) =>
      i >= from && moment.answers[question] === answer && isAfter(moment, i)
    );
    return found >= 0 || this.isWhole
      ? found
      : this.#findTorn(question, answer, isAfter);
  }

  /**
   * As {@linkcode find}, for a torn response: its members are of several states
   * within seconds, as keys were written while they were read.
   */
  #findTorn(
    question: number,
    answer: string,
    isAfter: (moment: Moment, i: number) => boolean,
  ): number {
    const first = this.#moments.findIndex(isAfter);
    if (first < 0) return -1;
    const members = membersOf(answer);
    const states = this.#moments.map(({ awake, answers }, i) => ({
      awake,
      members: i < first ? {} : membersOf(answers[question]),
    }));
    for (const [end, { awake }] of states.entries()) {
      const burst = states[end - BURST.states + 1]?.awake ?? -Infinity;
      if (end < first || awake - burst > BURST.within) continue;
      const begin = Math.max(
        first,
        states.findLastIndex((one) => one.awake <= awake - TORN_WITHIN),
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

  /** The first state from `from` on in which several questions have these responses; -1: none. */
  findAll(answers: ReadonlyMap<number, string>, from: number): number {
    return this.#moments.findIndex((moment, i) =>
      i >= from &&
      answers.entries().every(([question, answer]) =>
        moment.answers[question] === answer
      )
    );
  }

  close(): void {
    this.#lainlet?.close();
    this.#lainlet = undefined;
  }
}

/** The members of a response that is an object, each as canonical JSON; otherwise none. */
function membersOf(answer: string | undefined): Record<string, string> {
  const value: unknown = JSON.parse(answer ?? "null");
  if (!isObject(value)) return {};
  const members = Object.entries(value)
    .map(([name, member]) => [name, canonical(member)] as const);
  return Object.fromEntries(members);
}

/** The watcher of a view. */
function nameOf(view: View, { cluster }: Lainlet): keyof Lainlet["cluster"] {
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
