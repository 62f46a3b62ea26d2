import { errorTrace } from "../../lib/log.ts";
import { nodeKey, type NodeSpec, nodeValue } from "../../scripts/cluster.ts";
import type { Changes } from "../util/store.ts";
import { featuresOf } from "./features.ts";
import type { Backup } from "./keyspace.ts";
import { ConnectionLost, type SimulatedLainlet } from "./lainlet.ts";
import { type Listener, Violation } from "./listener.ts";
import type { StoreName } from "./processes.ts";
import { comparableBody, type Consistency, requestAt } from "./requests.ts";
import { Rules } from "./rules.ts";
import { Time } from "./time.ts";
import { World } from "./world.ts";

/** How long after the last fault everything must be current again, in ms. */
const RECOVERY_TIME = 20_000;

/** The nodes of the cluster; the first exists from the beginning. */
export const NODES: readonly [NodeSpec, NodeSpec] = [
  { name: "node1", ip: "192.168.77.21" },
  { name: "node2", ip: "192.168.77.22" },
];

/** Something that happens in a story. */
export interface Action {
  /** Its line in the story. */
  readonly text: string;
  perform(story: Story): void | Promise<void>;
}

/** An action, and its time. */
export interface Operation extends Action {
  /** The time since the previous operation, in ms. */
  readonly after: number;
}

/** A violated rule, and the story until then. */
export interface Failure {
  /** See {@linkcode Violation.kind}. */
  readonly kind: string;
  readonly message: string;
  readonly lines: readonly string[];
}

/** The result of a run: its story, and the violated rule, if any. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly failure?: Failure;
}

/** What identifies a run. */
export interface Run {
  readonly store: StoreName;
  readonly seed: number;
}

/** One run: it performs operations, checks the rules after each step, and writes down what happens. */
export class Story {
  readonly listeners: Listener[] = [];
  readonly lines: string[] = [];
  /** The backup that can be restored. */
  backup?: Backup;
  readonly #rules: Rules;
  /** Errors of checks that did not run within a step. */
  readonly #errors: unknown[] = [];

  private constructor(readonly time: Time, readonly world: World) {
    this.#rules = new Rules(world);
  }

  /** Runs operations; never throws. */
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
    const { lines } = story;
    try {
      await story.#run(operations);
      return { lines };
    } catch (error) {
      const { kind, message } = error instanceof Violation
        ? error
        : { kind: "an error was thrown", message: errorTrace(error) };
      story.log(message);
      return { lines, failure: { kind, message, lines } };
    } finally {
      await story.#stop();
    }
  }

  async #run(operations: readonly Operation[]): Promise<void> {
    const { time, world } = this;
    world.commit({ [nodeKey(NODES[0])]: nodeValue(NODES[0]) });
    world.replace(world.keyspace.save(), true);
    await this.#record();
    for (const lainlet of world.lainlets) lainlet.start();
    await time.run(1_000, this.#check);
    for (const { after, text, perform } of operations) {
      await time.run(after, this.#check);
      this.log(text);
      await perform(this);
      await this.#record();
    }
    this.log("all faults end");
    if (world.isEmpty) {
      await this.write({ [nodeKey(NODES[0])]: nodeValue(NODES[0]) });
      await this.#record();
    }
    world.heal();
    await time.run(RECOVERY_TIME, this.#check);
    this.#rules.checkRecovered(this.listeners);
    for (const listener of this.listeners.splice(0)) listener.disconnect();
    await time.run(5_000, this.#check);
    this.#rules.checkReleased();
    for (const lainlet of world.lainlets) this.checkSavedState(lainlet);
    await this.#record();
    await this.#stop();
    this.#rules.checkStopped(time.timers);
  }

  /** Stops everything: nothing continues during the next story of this process. */
  async #stop(): Promise<void> {
    for (const listener of this.listeners.splice(0)) listener.disconnect();
    this.world.close();
    await this.time.run(15_000);
  }

  /** Records the store's state for the reference, and checks the rules. */
  async #record(): Promise<void> {
    await this.time.settle();
    this.world.reference.record(this.world.revision);
    this.#check();
  }

  readonly #check = (): void => {
    const [error] = this.#errors;
    if (error !== undefined) throw error;
    this.#rules.checkStep(this.listeners, this.log);
  };

  /** Adds a line to the story. */
  readonly log = (text: string): void => {
    this.lines.push(
      `${(this.time.now / 1000).toFixed(3).padStart(9)} s  ${text}`,
    );
  };

  lainlet(which: number): SimulatedLainlet {
    const { lainlets } = this.world;
    const found = lainlets[which % lainlets.length];
    if (found === undefined) throw new Error("there are no lainlets");
    return found;
  }

  /** Writes changes, in one revision if the store has transactions. */
  async write(changes: Changes): Promise<void> {
    const { hasTransactions } = this.world.service;
    const steps = hasTransactions
      ? [changes]
      : Object.entries(changes).map(([key, value]) => ({ [key]: value }));
    for (const [i, step] of steps.entries()) {
      if (i > 0) await this.#record();
      this.world.commit(step);
    }
  }

  /** Lets time pass within an operation. */
  async wait(ms: number): Promise<void> {
    await this.#record();
    await this.time.run(ms, this.#check);
  }

  /** Lets time pass while all processes are suspended. */
  async suspend(ms: number): Promise<void> {
    this.world.reference.suspendedTime += ms;
    this.#rules.expectSuspension(ms);
    await this.time.suspend(ms);
    this.#check();
  }

  /** Begins to check the saved state of a lainlet. */
  checkSavedState(lainlet: SimulatedLainlet): void {
    this.#rules.checkSavedState(lainlet)
      .catch((error) => this.#errors.push(error));
  }

  /** Sends a lainlet a GET, and checks the response when it arrives. */
  sendGet(
    lainlet: SimulatedLainlet,
    requestIndex: number,
    consistency: Consistency,
  ): void {
    if (!lainlet.isUp) return;
    this.#sendGet(lainlet, requestIndex, consistency).catch((error) => {
      if (!(error instanceof ConnectionLost)) this.#errors.push(error);
    });
  }

  async #sendGet(
    lainlet: SimulatedLainlet,
    requestIndex: number,
    consistency: Consistency,
  ): Promise<void> {
    const { path, peer } = requestAt(requestIndex);
    const { reference, keyspace, revision: required, service } = this.world;
    const { latest } = reference;
    const { readsMayBeStale } = service;
    const parameter = {
      default: "",
      fresh: "fresh=1",
      revision: `revision=${required}`,
    }[consistency];
    const url = `${path}${path.includes("?") ? "&" : "?"}${parameter}`;
    const response = await lainlet.fetch(url, peer);
    const body = await response.text();
    if (response.status !== 200) return;
    const text = comparableBody(body);
    const revision = Number(response.headers.get("Lainlet-Revision"));
    if (lainlet.mayMissChange) return;
    const isOlderThan = (state: number, revision: number) =>
      reference.find(requestIndex, text, state, revision) < 0;
    const details = `${url} on ${lainlet.name}: ${text}`;
    if (isOlderThan(0, revision)) {
      throw new Violation(
        "a response is older than its Lainlet-Revision",
        `${details}, revision ${revision}`,
      );
    }
    if (
      consistency === "fresh" && !readsMayBeStale && isOlderThan(latest, 0)
    ) {
      throw new Violation(
        "a response with fresh=1 is older than the request",
        details,
      );
    }
    // After a restore the revision may be one of another history.
    const isSameHistory = this.world.keyspace === keyspace;
    if (
      consistency === "revision" && isSameHistory && isOlderThan(0, required)
    ) {
      throw new Violation(
        "a response with revision=N lacks a write up to N",
        details,
      );
    }
  }
}
