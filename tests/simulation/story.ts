import { errorTrace } from "../../lib/log.ts";
import { notReadyReasons } from "../../lib/stats/readiness.ts";
import { nodeKey, type NodeSpec, nodeValue } from "../../scripts/cluster.ts";
import type { Changes } from "../util/store.ts";
import { featuresOf } from "./features.ts";
import type { Backup } from "./keyspace.ts";
import {
  ConnectionLost,
  type SimulatedLainlet,
  STALE_AFTER,
} from "./lainlet.ts";
import type { Link } from "./network.ts";
import type { StoreName } from "./processes.ts";
import { type Listener, Violation } from "./listeners.ts";
import { answerOf, QUESTIONS } from "./questions.ts";
import { Time } from "./time.ts";
import { World } from "./world.ts";

/** How long after the last fault everything must be right again, in ms. */
const RECOVERY = 20_000;

/** How many timers may fire in a story; most have some 10,000. */
const MOST_STEPS = 60_000;

/** How many polls may be made in 20 s in which each is ended at once. */
const MOST_POLLS = 500;

const NO_PAUSE = "something is done without a pause";

/** How often it is looked whether what counts as current is, in ms. */
const LOOK_EVERY = 5_000;

/** How soon a member that works is used, and has confirmed the state, in ms. */
const CONFIRMED_WITHIN = 20_000;

/** The same when a watch of another member was silent, which is noticed after up to 10 s, in ms. */
const CONFIRMED_AFTER_SILENCE = 26_000;

const BAD = "a bad value is not taken as it should be";

/** The nodes of the cluster; the first is there from the beginning. */
export const NODES: readonly [NodeSpec, NodeSpec] = [
  { name: "node1", ip: "192.168.77.21" },
  { name: "node2", ip: "192.168.77.22" },
];

/** Addresses of containers, which move. */
export const PEERS = ["127.27.0.1", "127.27.0.2", "127.27.9.9"] as const;

/** Something that is done, so long after what was done before. */
export interface Operation {
  /** In ms. */
  readonly after: number;
  /** As a person reads it. */
  readonly text: string;
  perform(story: Story): void | Promise<void>;
}

/** What did not hold, and how it came to that. */
export interface Failure {
  /** What does not hold. */
  readonly kind: string;
  readonly message: string;
  /** What was done, a line each. */
  readonly lines: readonly string[];
}

/** What became of a story. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly failure?: Failure;
}

/** What is run. */
export interface Run {
  readonly store: StoreName;
  readonly seed: number;
}

/** One run of a plan. */
export class Story {
  readonly listeners: Listener[] = [];
  readonly lines: string[] = [];
  backup?: Backup;
  readonly #failures: unknown[] = [];
  #lookAt = 0;
  /** Since when each link was good, in ms. */
  readonly #goodSince = new Map<Link, number>();
  #steps = 0;

  private constructor(readonly time: Time, readonly world: World) {}

  /** @returns what was done and seen, and what did not hold; undefined: everything did */
  static async run(
    { store, seed }: Run,
    operations: readonly Operation[],
  ): Promise<Outcome> {
    using time = new Time(seed);
    using world = new World(
      store,
      seed % 3 === 0 ? 3 : 1,
      2,
      featuresOf(seed),
    );
    const story = new Story(time, world);
    try {
      await story.#tell(operations);
      return { lines: story.lines };
    } catch (error) {
      const { kind, message } = error instanceof Violation
        ? error
        : { kind: "something threw", message: errorTrace(error) };
      story.note(message);
      return {
        lines: story.lines,
        failure: { kind, message, lines: story.lines },
      };
    } finally {
      await story.#end();
    }
  }

  /** Ends everything, so that nothing of it goes on beside the next story. */
  async #end(): Promise<void> {
    for (const listener of this.listeners.splice(0)) listener.leave();
    this.world.close();
    await this.time.run(15_000);
  }

  /** Writes something, in one revision where the store has transactions. */
  async write(changes: Changes): Promise<void> {
    const { hasTransactions } = this.world.service;
    const steps = hasTransactions
      ? [changes]
      : Object.entries(changes).map(([key, value]) => ({ [key]: value }));
    for (const [i, step] of steps.entries()) {
      if (i > 0) await this.#happened();
      this.world.commit(step);
    }
  }

  /** Time passes, and no process does anything. @param ms how much */
  async suspend(ms: number): Promise<void> {
    this.world.reference.suspended += ms;
    for (const link of this.world.allLinks) {
      this.#goodSince.set(link, this.time.now + ms);
      // Nor is found meanwhile what a watch has lost.
      link.lostAt += ms;
    }
    await this.time.suspend(ms);
    this.#look();
  }

  /** Notes what is right now, and lets time pass. @param ms how much */
  async pass(ms: number): Promise<void> {
    await this.#happened();
    await this.time.run(ms, this.#look);
  }

  lainlet(which: number): SimulatedLainlet {
    const { lainlets } = this.world;
    const found = lainlets[which % lainlets.length];
    if (found === undefined) throw new Error("there are no lainlets");
    return found;
  }

  async #tell(operations: readonly Operation[]): Promise<void> {
    const { time, world } = this;
    world.commit({ [nodeKey(NODES[0])]: nodeValue(NODES[0]) });
    world.replace(world.keyspace.save(), true);
    await this.#happened();
    for (const lainlet of world.lainlets) lainlet.start();
    await time.run(1_000, this.#look);
    for (const { after, text, perform } of operations) {
      await time.run(after, this.#look);
      this.note(text);
      await perform(this);
      await this.#happened();
    }
    this.note("there are no more faults");
    if (world.isEmpty) {
      await this.write({ [nodeKey(NODES[0])]: nodeValue(NODES[0]) });
      await this.#happened();
    }
    world.heal();
    await time.run(RECOVERY, this.#look);
    this.#checkRecovered();
    for (const listener of this.listeners.splice(0)) listener.leave();
    await time.run(5_000, this.#look);
    this.#checkLeft();
    for (const lainlet of world.lainlets) this.checkFile(lainlet);
    await this.#happened();
    await this.#end();
    const connections = world.allLinks
      .reduce((sum, link) => sum + link.connections, 0);
    if (time.timers + connections > 0) {
      throw new Violation(
        "something is left",
        `${time.timers} timers, ${connections} connections to the store`,
      );
    }
  }

  /** Notes what is right now. */
  async #happened(): Promise<void> {
    await this.time.settle();
    this.world.reference.note(this.world.revision);
    this.#look();
  }

  /** Looks whether a saved state can be read, and was the store's. */
  checkFile(lainlet: SimulatedLainlet): void {
    this.#checkFile(lainlet).catch((error) => this.#failures.push(error));
  }

  async #checkFile(lainlet: SimulatedLainlet): Promise<void> {
    const isSuspect = lainlet.links.some(({ lostAt }) => lostAt > 0);
    const { name } = lainlet;
    let sections;
    try {
      sections = await lainlet.readFile();
    } catch (error) {
      throw new Violation("a saved state cannot be read", `${name}: ${error}`);
    }
    if (isSuspect) return;
    for (const [prefix, loaded] of sections ?? []) {
      if (this.world.held(loaded, prefix)) continue;
      const { cluster, revision, pages: [entries] } = loaded;
      const keys = entries.map(({ key }) => key).join();
      throw new Violation(
        "a saved state was never the store's",
        `${name}: ${prefix} at ${revision} of cluster ${cluster}: ${keys}`,
      );
    }
  }

  /** Asks a lainlet, and looks at the answer when it comes. */
  ask(lainlet: SimulatedLainlet, question: number, kind: number): void {
    this.#ask(lainlet, question, kind).catch((error) => {
      if (!(error instanceof ConnectionLost)) this.#failures.push(error);
    });
  }

  async #ask(
    lainlet: SimulatedLainlet,
    question: number,
    kind: number,
  ): Promise<void> {
    const { path, peer } = QUESTIONS[question] ?? { path: "", peer: "" };
    const { reference, keyspace } = this.world;
    if (!lainlet.isUp) return;
    const latest = reference.latest;
    const needed = this.world.revision;
    const { mayBeOld } = this.world.service;
    const more = ["", "fresh=1", `revision=${needed}`][kind] ?? "";
    const full = `${path}${path.includes("?") ? "&" : "?"}${more}`;
    const response = await lainlet.ask(full, peer);
    const body = await response.text();
    if (response.status !== 200) return;
    const text = answerOf(body);
    const revision = Number(response.headers.get("Lainlet-Revision"));
    if (lainlet.hasLost) return;
    const what = `${full} on ${lainlet.name}: ${text}`;
    if (reference.find(question, text, 0, revision) < 0) {
      throw new Violation(
        "an answer names a revision that it does not have",
        `${what}, revision ${revision}`,
      );
    }
    if (kind === 1 && !mayBeOld && reference.find(question, text, latest) < 0) {
      throw new Violation("fresh=1 is older than the request", what);
    }
    // After a restore the revision may be one of another history.
    const isSame = this.world.keyspace === keyspace;
    if (kind === 2 && isSame && reference.find(question, text, 0, needed) < 0) {
      throw new Violation("revision=N answers with less", what);
    }
  }

  /** Looks whether all holds that always must. */
  readonly #look = (): void => {
    const [failure] = this.#failures;
    if (failure !== undefined) throw failure;
    if (++this.#steps > MOST_STEPS) {
      throw new Violation(NO_PAUSE, `${this.#steps} steps`);
    }
    this.world.look();
    for (const link of this.world.allLinks) {
      const { isGood, lostAt, pollsEnded } = link;
      if (pollsEnded > MOST_POLLS) {
        throw new Violation(NO_PAUSE, `${pollsEnded} polls on ${link.name}`);
      }
      const since = Math.max(lostAt, this.#goodSince.get(link) ?? -Infinity);
      this.#goodSince.set(link, isGood ? since : this.time.now);
    }
    for (const listener of this.listeners) {
      listener.check(this.world.reference, this.note);
    }
    if (this.time.now < this.#lookAt) return;
    this.#lookAt = this.time.now + LOOK_EVERY;
    for (const lainlet of this.world.lainlets) {
      if (lainlet.isUp) this.#checkConfirmed(lainlet);
      this.#checkReady(lainlet);
    }
  };

  /** What counts as current is not older than it may be. */
  #checkReady(simulated: SimulatedLainlet): void {
    if (!simulated.isUp || simulated.hasLost) return;
    if (notReadyReasons(simulated.lainlet).length > 0) return;
    if (simulated.fromFileAt === this.time.now) {
      throw new Violation(
        "a lainlet is ready, and its state is a saved one",
        simulated.name,
      );
    }
    const { reference, bad } = this.world;
    this.#checkOwners(simulated);
    const problem = bad.problem(simulated);
    if (problem !== undefined) {
      throw new Violation(BAD, `${simulated.name}: ${problem}`);
    }
    const oldest = reference.at(this.time.now - STALE_AFTER);
    for (const [question, path, text] of simulated.answers()) {
      if (reference.find(question, text, oldest) < 0) {
        throw new Violation(
          "a lainlet is ready, and its state is too old",
          `${simulated.name}: ${path} ${text}`,
        );
      }
    }
  }

  /** While there is a member that works, and a way to it, the state is confirmed by that. */
  #checkConfirmed({ name, links, since, lainlet }: SimulatedLainlet): void {
    const { auth, service } = this.world;
    // Of the others, some cannot tell what works.
    if (auth.isUsed || service.mayBeOld || service.lossLasts !== undefined) {
      return;
    }
    const goodSince = Math.max(
      since,
      Math.min(...links.map((one) => this.#goodSince.get(one) ?? Infinity)),
    );
    const wasSilent = links.some(({ lostAt }) =>
      this.time.now - lostAt < CONFIRMED_AFTER_SILENCE
    );
    const most = wasSilent ? CONFIRMED_AFTER_SILENCE : CONFIRMED_WITHIN;
    if (this.time.now - goodSince < most) return;
    const age = Math.max(
      ...Object.values(lainlet.cluster).map((one) => one.age()),
    );
    if (age <= most) return;
    throw new Violation(
      "a member that works is not used",
      `${name}: its state was last confirmed ${age} ms ago`,
    );
  }

  /** To which apps addresses belong is what the groups say now, in whichever order they changed. */
  #checkOwners({ name, lainlet: { cluster, rights } }: SimulatedLainlet): void {
    for (const peer of PEERS) {
      const [, owner] = cluster.podgroup.entries("").find(([, { pods }]) =>
        pods.some(({ containers }) =>
          containers.some(({ ip }) =>
            ip === peer
          )
        )
      ) ?? [];
      const app = rights.appOf(peer);
      if (app === owner?.app) continue;
      throw new Violation(
        "an address is taken for another app's",
        `${name}: ${peer} is ${app}'s, not ${owner?.app}'s`,
      );
    }
  }

  #checkRecovered(): void {
    // A restored backup that grew past what was known may look like the history before.
    const hasLost = this.world.hasSameRestored ||
      this.world.allLinks.some(({ lostAt }) => lostAt > 0);
    for (const simulated of this.world.lainlets) {
      const { lainlet, name } = simulated;
      const watchers = Object.values(lainlet.cluster);
      const differ = watchers.some(({ differences }) => differences > 0);
      if (differ && !hasLost) {
        throw new Violation(
          "what was delivered whole is found to differ",
          name,
        );
      }
      const reasons = notReadyReasons(lainlet)
        .concat(lainlet.store.status.problems);
      if (reasons.length > 0) {
        throw new Violation(
          "a lainlet does not recover",
          `${name}: ${reasons.join("; ")}`,
        );
      }
      const content = this.world.keyspace.content(this.world.keyspace.revision);
      const present = (key: string) => content.keys.get(key)?.value;
      const problem = this.world.bad.problem(simulated, present);
      if (problem !== undefined) {
        throw new Violation(BAD, `${name}: ${problem}`);
      }
      for (const [question, path, text] of simulated.answers()) {
        const latest = this.world.reference.answer(question);
        if (text !== latest) {
          throw new Violation(
            "a lainlet does not recover",
            `${name}: ${path} is ${text}, not ${latest}`,
          );
        }
      }
    }
    for (const listener of this.listeners) {
      listener.checkLatest(this.world.reference);
    }
  }

  #checkLeft(): void {
    for (const { name, lainlet } of this.world.lainlets) {
      const left = {
        listeners: lainlet.limits.listeners,
        topics: lainlet.views.topics,
        requests: lainlet.counters.connections,
      };
      if (Object.values(left).every((count) => count === 0)) continue;
      throw new Violation(
        "something is left",
        `${name}: ${JSON.stringify(left)}`,
      );
    }
  }

  /** Writes a line of the story. */
  readonly note = (text: string): void => {
    this.lines.push(
      `${(this.time.now / 1000).toFixed(3).padStart(9)} s  ${text}`,
    );
  };
}
