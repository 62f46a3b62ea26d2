import { notReadyReasons } from "../../lib/stats/readiness.ts";
import { type SimulatedLainlet, STALE_AFTER } from "./lainlet.ts";
import { type Listener, Violation } from "./listener.ts";
import type { Link } from "./network.ts";
import { PEERS } from "./requests.ts";
import type { World } from "./world.ts";

/** The maximal number of timers that fire in a story; most stories need some 10,000. */
const MAX_STEPS = 60_000;

/** The maximal number of polls in 20 s in which each ends at once. */
const MAX_POLLS = 500;

/** How often each lainlet's state is checked, in ms. */
const CHECK_INTERVAL = 5_000;

/** Within this time a member that works is found, and confirms the state, in ms. */
const CONFIRMED_WITHIN = 20_000;

/** The same after a watch of another member was silent, which takes up to 10 s to notice, in ms. */
const CONFIRMED_AFTER_SILENCE = 26_000;

const NO_PAUSE = "something is repeated without a pause";
const INVALID = "an invalid value is handled wrongly";
const NOT_RECOVERED = "a lainlet does not recover";
const LEAK = "something is not released";

/** What must hold for the lainlets of a world; listeners check what they receive. */
export class Rules {
  #steps = 0;
  #nextCheckAt = 0;
  /** Since when each link and its member have had no fault, in ms. */
  readonly #goodSince = new Map<Link, number>();

  constructor(private readonly world: World) {}

  /** To be called after each timer and each operation. @throws {Violation} */
  checkStep(listeners: readonly Listener[], log: (text: string) => void): void {
    const now = performance.now();
    if (++this.#steps > MAX_STEPS) {
      throw new Violation(NO_PAUSE, `${this.#steps} steps`);
    }
    this.world.update();
    for (const link of this.world.allLinks) this.#checkLink(link, now);
    for (const listener of listeners) {
      listener.check(this.world.reference, log);
    }
    if (now < this.#nextCheckAt) return;
    this.#nextCheckAt = now + CHECK_INTERVAL;
    for (const lainlet of this.world.lainlets) {
      if (!lainlet.isUp) continue;
      this.#checkConfirmed(lainlet);
      this.#checkReady(lainlet);
    }
  }

  #checkLink(link: Link, now: number): void {
    const { isGood, lostAt, pollsEnded } = link;
    if (pollsEnded > MAX_POLLS) {
      throw new Violation(NO_PAUSE, `${pollsEnded} polls on ${link.name}`);
    }
    const since = Math.max(lostAt, this.#goodSince.get(link) ?? -Infinity);
    this.#goodSince.set(link, isGood ? since : now);
  }

  /** To be called before all processes are suspended. @param ms how long */
  expectSuspension(ms: number): void {
    for (const link of this.world.allLinks) {
      this.#goodSince.set(link, performance.now() + ms);
      // No check finds a lost change meanwhile.
      link.lostAt += ms;
    }
  }

  /** A lainlet that is ready serves no saved, old or wrong state. */
  #checkReady(simulated: SimulatedLainlet): void {
    const { name } = simulated;
    if (simulated.mayMissChange) return;
    if (notReadyReasons(simulated.lainlet).length > 0) return;
    const now = performance.now();
    if (simulated.servedSavedAt === now) {
      throw new Violation("a lainlet is ready with a saved state", name);
    }
    const { reference, invalid } = this.world;
    this.#checkOwners(simulated);
    const problem = invalid.problem(simulated);
    if (problem !== undefined) {
      throw new Violation(INVALID, `${name}: ${problem}`);
    }
    const oldest = reference.stateAt(now - STALE_AFTER);
    for (const [requestIndex, path, text] of simulated.responses()) {
      if (reference.find(requestIndex, text, oldest) >= 0) continue;
      throw new Violation(
        "a lainlet is ready with a state that is too old",
        `${name}: ${path} ${text}`,
      );
    }
  }

  /** The state is confirmed by any member that works and can be reached. */
  #checkConfirmed(
    { name, links, startedAt, lainlet }: SimulatedLainlet,
  ): void {
    const { auth, service } = this.world;
    // With logins and on other stores, a good link does not suffice for that.
    if (auth.isUsed || service.maxLossTime !== undefined) return;
    const now = performance.now();
    const goodSince = Math.max(
      startedAt,
      Math.min(...links.map((one) => this.#goodSince.get(one) ?? Infinity)),
    );
    const wasSilent = links.some(({ lostAt }) =>
      now - lostAt < CONFIRMED_AFTER_SILENCE
    );
    const limit = wasSilent ? CONFIRMED_AFTER_SILENCE : CONFIRMED_WITHIN;
    if (now - goodSince < limit) return;
    const age = Math.max(
      ...Object.values(lainlet.cluster).map((one) => one.age()),
    );
    if (age <= limit) return;
    throw new Violation(
      "a member that works is not used",
      `${name}: its state was last confirmed ${age} ms ago`,
    );
  }

  /** An address belongs to the app whose group has it, in whichever order the groups changed. */
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
        "an address is attributed to another app",
        `${name}: ${peer} to ${app}, not to ${owner?.app}`,
      );
    }
  }

  /** A saved state can be read, and some cluster had it. @throws {Violation} */
  async checkSavedState(lainlet: SimulatedLainlet): Promise<void> {
    const mayBeWrong = lainlet.links.some(({ lostAt }) => lostAt > 0);
    const { name } = lainlet;
    let sections;
    try {
      sections = await lainlet.readSavedState();
    } catch (error) {
      throw new Violation("a saved state cannot be read", `${name}: ${error}`);
    }
    if (mayBeWrong) return;
    for (const [prefix, loaded] of sections ?? []) {
      if (this.world.hadSnapshot(loaded, prefix)) continue;
      const { cluster, revision, pages: [entries] } = loaded;
      const keys = entries.map(({ key }) => key).join();
      throw new Violation(
        "a saved state never existed in the store",
        `${name}: ${prefix} at ${revision} of cluster ${cluster}: ${keys}`,
      );
    }
  }

  /** Some time after the last fault, everything is current, and no problem is reported. @throws {Violation} */
  checkRecovered(listeners: readonly Listener[]): void {
    const { world } = this;
    // A restored backup whose revision grew past the known one may look like the history before.
    const mayDiffer = world.hasSameRestored ||
      world.allLinks.some(({ lostAt }) => lostAt > 0);
    for (const simulated of world.lainlets) {
      const { lainlet, name } = simulated;
      const watchers = Object.values(lainlet.cluster);
      const differ = watchers.some(({ differences }) => differences > 0);
      if (differ && !mayDiffer) {
        throw new Violation(
          "a comparison of all keys finds a difference, though no change was lost",
          name,
        );
      }
      const reasons = notReadyReasons(lainlet)
        .concat(lainlet.store.status.problems);
      if (reasons.length > 0) {
        throw new Violation(NOT_RECOVERED, `${name}: ${reasons.join("; ")}`);
      }
      const content = world.keyspace.content(world.keyspace.revision);
      const present = (key: string) => content.keys.get(key)?.value;
      const problem = world.invalid.problem(simulated, present);
      if (problem !== undefined) {
        throw new Violation(INVALID, `${name}: ${problem}`);
      }
      for (const [requestIndex, path, text] of simulated.responses()) {
        const latest = world.reference.response(requestIndex);
        if (text === latest) continue;
        throw new Violation(
          NOT_RECOVERED,
          `${name}: ${path} is ${text}, not ${latest}`,
        );
      }
    }
    for (const listener of listeners) listener.checkLatest(world.reference);
  }

  /** When all listeners have disconnected, nothing of them remains. @throws {Violation} */
  checkReleased(): void {
    for (const { name, lainlet } of this.world.lainlets) {
      const remaining = {
        listeners: lainlet.limits.listeners,
        topics: lainlet.views.topics,
        requests: lainlet.counters.connections,
      };
      if (Object.values(remaining).every((count) => count === 0)) continue;
      throw new Violation(LEAK, `${name}: ${JSON.stringify(remaining)}`);
    }
  }

  /** When all lainlets have stopped, no timer and no connection to the store remains. @param timers pending ones @throws {Violation} */
  checkStopped(timers: number): void {
    const connections = this.world.allLinks
      .reduce((sum, link) => sum + link.connections, 0);
    if (timers + connections === 0) return;
    throw new Violation(
      LEAK,
      `${timers} timers, ${connections} connections to the store`,
    );
  }
}
