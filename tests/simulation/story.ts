import { traceOf } from "../../lib/log.ts";
import { canonical } from "../../lib/json.ts";
import { whyNotReady } from "../../lib/vitals/readiness.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
  nodeKey,
  type NodeSpec,
  nodeValue,
} from "../../scripts/cluster.ts";
import { Random } from "../util/model.ts";
import type { Changes } from "../util/store.ts";
import type { Backup } from "./etcd.ts";
import { type SimulatedLainlet, STALE_AFTER } from "./lainlet.ts";
import {
  ClientListener,
  JointListener,
  type Listener,
  PlainListener,
  Violation,
} from "./listeners.ts";
import { QUESTIONS } from "./reference.ts";
import { Time } from "./time.ts";
import { World } from "./world.ts";

/** How long after the last fault everything must be right again, in ms. */
const RECOVERY = 20_000;

/** How many timers may fire in a story; most have some 10,000. */
const MOST_STEPS = 60_000;

/** How often it is looked whether what counts as current is, in ms. */
const LOOK_EVERY = 5_000;

const APPS = ["a", "b", "c"] as const;
const NODES: readonly [NodeSpec, NodeSpec] = [
  { name: "node1", ip: "192.168.77.21" },
  { name: "node2", ip: "192.168.77.22" },
];
const PEERS = ["127.27.0.1", "127.27.0.2", "127.27.9.9"] as const;

/** Something that is done, so long after what was done before. */
export interface Operation {
  /** In ms. */
  readonly after: number;
  /** As a person reads it. */
  readonly text: string;
  perform(story: Story): void;
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

/** What happens, by a seed: some operations and some faults among them. */
export function plan(seed: number, length = 120): Operation[] {
  const random = new Random(seed * 7919 % 2147483647 || 1);
  return Array.from({ length }, (_, i): Operation => {
    const after = random.below(5) === 0
      ? random.below(8_000)
      : random.below(300);
    return { after, ...operation(random, i) };
  });
}

function operation(random: Random, i: number): Omit<Operation, "after"> {
  const kind = random.below(100);
  if (kind < 45) return write(random, i);
  if (kind < 62) return listen(random);
  if (kind < 67) return leave(random);
  if (kind < 71) return stall(random);
  if (kind < 82) return ask(random);
  return fault(random);
}

function write(random: Random, i: number): Omit<Operation, "after"> {
  if (random.below(6) === 0) {
    const changes = { [`/other/${random.below(3)}`]: `${i}` };
    return {
      text: "something is written elsewhere",
      perform: ({ world }) => world.commit(changes),
    };
  }
  const changes: Record<string, string | null> = {};
  const change = changeOf(random, i);
  // What rights rest on comes by another watch: a transaction stays in one.
  for (let k = random.below(3); k >= 0; k--) Object.assign(changes, change(k));
  const text = Object.entries(changes)
    .map(([key, value]) =>
      value === null ? `${key} is deleted` : `${key} is put`
    )
    .join(", ");
  return { text, perform: ({ world }) => world.commit(changes) };
}

function changeOf(random: Random, i: number): (k: number) => Changes {
  const isRemoved = () => random.below(4) === 0;
  const ip = () => random.pick([...PEERS, ""]);
  switch (random.below(5)) {
    case 0:
      return () => {
        const name = random.pick(["super_apps/a", "super_apps/b", "ssl", "x"]);
        return { [`/lain/config/${name}`]: isRemoved() ? null : `${i}` };
      };
    case 1:
      return () => {
        const node = random.pick(NODES);
        return { [nodeKey(node)]: isRemoved() ? null : nodeValue(node, i) };
      };
    case 2:
      return () => {
        const key = dependsKey(random.pick(APPS));
        // No caller is a portal: whose that is comes by another watch.
        const value = dependsValue(NODES[0], "a", "127.27.9.8", i);
        return { [key]: isRemoved() ? null : value };
      };
    default:
      return () => {
        const spec = {
          app: random.pick(APPS),
          proc: "web.web",
          // Values come back, too.
          version: `${random.below(3) === 0 ? 0 : i}`,
          instances: Array.from({ length: random.below(3) }, () => ({
            node: random.pick(NODES),
            ip: ip(),
          })),
        };
        return { [groupKey(spec)]: isRemoved() ? null : groupValue(spec) };
      };
  }
}

function listen(random: Random): Omit<Operation, "after"> {
  const [which, question, kind] = [
    random.below(10),
    random.below(QUESTIONS.length),
    random.below(6),
  ];
  const { path, peer } = QUESTIONS[question] ?? { path: "", peer: "" };
  const how = [
    "",
    "",
    " by patches",
    " by patches",
    " by the client",
    " with others",
  ][kind];
  return {
    text: `somebody (${peer}) listens to ${path}${how}`,
    perform(story) {
      const lainlet = story.lainlet(which);
      if (!lainlet.isUp) return;
      story.listeners.push(
        kind < 4
          ? new PlainListener(lainlet, question, kind >= 2)
          : kind === 4
          ? new ClientListener(lainlet, peer === "127.0.0.1" ? question : 2)
          : new JointListener(lainlet, [0, 5, 7]),
      );
    },
  };
}

function leave(random: Random): Omit<Operation, "after"> {
  const which = random.below(1_000);
  return {
    text: "a listener leaves",
    perform({ listeners }) {
      const [listener] = listeners.splice(which % (listeners.length || 1), 1);
      listener?.leave();
    },
  };
}

function stall(random: Random): Omit<Operation, "after"> {
  const [which, time] = [random.below(1_000), random.below(10_000)];
  return {
    text: `a listener does not read for ${time} ms`,
    perform({ listeners }) {
      const listener = listeners[which % (listeners.length || 1)];
      if (listener === undefined) return;
      listener.isStalled = true;
      setTimeout(() => listener.isStalled = false, time);
    },
  };
}

function ask(random: Random): Omit<Operation, "after"> {
  const [which, question, kind] = [
    random.below(10),
    random.below(QUESTIONS.length),
    random.below(3),
  ];
  const { path = "" } = QUESTIONS[question] ?? {};
  const how = ["as it is", "proven", "of the last revision"][kind];
  return {
    text: `${path} is asked for, ${how}`,
    perform: (story) => story.ask(story.lainlet(which), question, kind),
  };
}

function fault(random: Random): Omit<Operation, "after"> {
  const [which, time] = [random.below(1_000), 500 + random.below(20_000)];
  const link = ({ world: { allLinks } }: Story) => {
    const found = allLinks[which % allLinks.length];
    if (found === undefined) throw new Error("there are no links");
    return found;
  };
  const member = ({ world: { members } }: Story) => {
    const found = members[which % members.length];
    if (found === undefined) throw new Error("there are no members");
    return found;
  };
  const linksTo = ({ world: { links, members } }: Story) =>
    links.flatMap((own) => own[which % members.length] ?? []);
  switch (random.below(17)) {
    case 0:
      return {
        text: "a connection is cut",
        perform: (story) => link(story).cut(),
      };
    case 1:
      return {
        text: `connections are refused for ${time} ms`,
        perform(story) {
          const one = link(story);
          one.isRefused = true;
          one.cut();
          setTimeout(() => one.isRefused = false, time);
        },
      };
    case 2:
      return {
        text: `a link is silent for ${time} ms`,
        perform(story) {
          const one = link(story);
          one.isSilent = true;
          setTimeout(() => one.isSilent = false, time);
        },
      };
    case 3: {
      const kind = random.pick(
        ["refused", "lost before", "lost after", "late"] as const,
      );
      return {
        text: `the next call on a link is ${kind}`,
        perform: (story) => void link(story).callFaults.push(kind),
      };
    }
    case 4: {
      const kinds = Array.from(
        { length: 4 },
        () =>
          random.pick(
            ["refused", "lost before", "lost after", "late"] as const,
          ),
      );
      return {
        text: `the next calls on a link are ${kinds.join(", ")}`,
        perform: (story) => void link(story).callFaults.push(...kinds),
      };
    }
    case 5:
    case 6: {
      const kind = random.pick(["lost", "silent"] as const);
      return {
        text: kind === "lost"
          ? "a watch loses its next change"
          : "the next watch on a link delivers nothing",
        perform: (story) => void link(story).watchFaults.push(kind),
      };
    }
    case 7:
      return {
        text: `a member is killed, and starts again after ${time} ms`,
        perform(story) {
          const one = member(story);
          one.isUp = false;
          for (const link of linksTo(story)) link.cut();
          setTimeout(() => {
            one.isUp = true;
            one.advance();
          }, time);
        },
      };
    case 8:
      return {
        text: `a member is paused for ${time} ms`,
        perform(story) {
          const links = linksTo(story);
          for (const link of links) link.isSilent = true;
          setTimeout(() => {
            for (const link of links) link.isSilent = false;
          }, time);
        },
      };
    case 9:
      return {
        text: `a member lags by ${time / 4} ms for ${time} ms`,
        perform(story) {
          const one = member(story);
          one.lag = time / 4;
          setTimeout(() => one.lag = 0, time);
        },
      };
    case 10:
      return {
        text: `a member is cut off from the others for ${time} ms`,
        perform(story) {
          const one = member(story);
          one.hasQuorum = false;
          setTimeout(() => {
            one.hasQuorum = true;
            one.advance();
          }, time);
        },
      };
    case 11:
      return {
        text: "another leader is elected",
        perform: ({ world: { keyspace } }) => void keyspace.term++,
      };
    case 12:
      return {
        text: "history is compacted",
        perform: ({ world }) => world.compact(),
      };
    case 13:
      return {
        text: "a backup is made",
        perform: (story) => story.backup = story.world.keyspace.save(),
      };
    case 14: {
      const isSame = random.below(2) === 0;
      return {
        text: `the backup is restored, as ${
          isSame ? "the same" : "another"
        } cluster`,
        perform({ world, backup }) {
          // With no backup there is nothing to restore.
          if (backup !== undefined) world.replace(backup, isSame);
        },
      };
    }
    case 15:
      return {
        text: `a lainlet is started again after ${time} ms`,
        perform(story) {
          const one = story.lainlet(which);
          if (!one.isUp) return;
          one.stop();
          setTimeout(() => {
            if (!one.isUp) one.start();
          }, time);
        },
      };
    default: {
      const by = (random.below(2) === 0 ? 1 : -1) * random.below(3_600_000);
      return {
        text: `the clock is set by ${by} ms`,
        perform: ({ time }) => time.setClock(by),
      };
    }
  }
}

/** One run of a plan. */
export class Story {
  readonly listeners: Listener[] = [];
  readonly lines: string[] = [];
  backup?: Backup;
  readonly #failures: unknown[] = [];
  #lookAt = 0;
  #steps = 0;

  private constructor(readonly time: Time, readonly world: World) {}

  /** @returns what was done and seen, and what did not hold; undefined: everything did */
  static async run(
    seed: number,
    operations: readonly Operation[],
  ): Promise<Outcome> {
    using time = new Time(seed);
    using world = new World(seed % 3 === 0 ? 3 : 1, 2);
    const story = new Story(time, world);
    try {
      await story.#tell(operations);
      return { lines: story.lines };
    } catch (error) {
      const { kind, message } = error instanceof Violation
        ? error
        : { kind: "something threw", message: traceOf(error) };
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
      perform(this);
      await this.#happened();
    }
    this.note("there are no more faults");
    world.heal();
    await time.run(RECOVERY, this.#look);
    this.#checkRecovered();
    for (const listener of this.listeners.splice(0)) listener.leave();
    await time.run(5_000, this.#look);
    this.#checkLeft();
    await this.#end();
    if (time.timers > 0) {
      throw new Violation("something is left", `${time.timers} timers`);
    }
  }

  /** Notes what is right now. */
  async #happened(): Promise<void> {
    await this.time.settle();
    this.world.reference.note(this.world.keyspace.revision);
    this.#look();
  }

  /** Asks a lainlet, and looks at the answer when it comes. */
  ask(lainlet: SimulatedLainlet, question: number, kind: number): void {
    this.#ask(lainlet, question, kind)
      .catch((error) => this.#failures.push(error));
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
    const needed = keyspace.revision;
    const more = ["", "fresh=1", `revision=${needed}`][kind] ?? "";
    const full = `${path}${path.includes("?") ? "&" : "?"}${more}`;
    const response = await lainlet.ask(full, peer);
    const body = await response.text();
    if (response.status !== 200) return;
    const text = canonical(JSON.parse(body));
    const revision = Number(response.headers.get("Lainlet-Revision"));
    if (lainlet.hasLost) return;
    const what = `${full} on ${lainlet.name}: ${text}`;
    if (reference.find(question, text, 0, revision) < 0) {
      throw new Violation(
        "an answer names a revision that it does not have",
        `${what}, revision ${revision}`,
      );
    }
    if (kind === 1 && reference.find(question, text, latest) < 0) {
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
      throw new Violation(
        "something is done without a pause",
        `${this.#steps} steps`,
      );
    }
    for (const listener of this.listeners) {
      listener.check(this.world.reference, (text) => this.note(text));
    }
    if (this.time.now < this.#lookAt) return;
    this.#lookAt = this.time.now + LOOK_EVERY;
    for (const lainlet of this.world.lainlets) this.#checkReady(lainlet);
  };

  /** What counts as current is not older than it may be. */
  #checkReady(simulated: SimulatedLainlet): void {
    if (!simulated.isUp || simulated.hasLost) return;
    const { lainlet, name } = simulated;
    if (whyNotReady(lainlet).length > 0) return;
    const { reference } = this.world;
    const oldest = reference.at(this.time.now - STALE_AFTER);
    for (const [i, { path, peer }] of QUESTIONS.entries()) {
      if (peer !== "127.0.0.1") continue;
      const { pathname, searchParams: params } = new URL(path, "http://x");
      const view = lainlet.endpoints.find(({ paths }) =>
        paths.includes(pathname)
      );
      if (view === undefined || !("select" in view)) continue;
      const { body } = lainlet.views.read({ view, params, peer });
      const text = canonical(JSON.parse(new TextDecoder().decode(body)));
      if (reference.find(i, text, oldest) < 0) {
        throw new Violation(
          "a lainlet is ready, and its state is too old",
          `${name}: ${path} ${text}`,
        );
      }
    }
  }

  #checkRecovered(): void {
    // A restored backup that grew past what was known may look like the history before.
    const hasLost = this.world.hasSameRestored ||
      this.world.allLinks.some(({ lostAt }) => lostAt > 0);
    for (const lainlet of this.world.lainlets) {
      const watchers = Object.values(lainlet.lainlet.cluster);
      const differ = watchers.some(({ differences }) => differences > 0);
      if (differ && !hasLost) {
        throw new Violation(
          "what was delivered whole is found to differ",
          lainlet.name,
        );
      }
      const reasons = whyNotReady(lainlet.lainlet)
        .concat(lainlet.lainlet.store.status.problems);
      if (reasons.length > 0) {
        throw new Violation(
          "a lainlet does not recover",
          `${lainlet.name}: ${reasons.join("; ")}`,
        );
      }
      for (const [question, { path, peer }] of QUESTIONS.entries()) {
        if (peer !== "127.0.0.1") continue;
        const { pathname, searchParams: params } = new URL(path, "http://x");
        const view = lainlet.lainlet.endpoints
          .find(({ paths }) => paths.includes(pathname));
        if (view === undefined || !("select" in view)) continue;
        const { body } = lainlet.lainlet.views.read({ view, params, peer });
        const text = canonical(JSON.parse(new TextDecoder().decode(body)));
        const latest = this.world.reference.answer(question);
        if (text !== latest) {
          throw new Violation(
            "a lainlet does not recover",
            `${lainlet.name}: ${path} is ${text}, not ${latest}`,
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
      const left = lainlet.limits.listeners + lainlet.views.topics;
      if (left > 0) {
        throw new Violation(
          "something is left",
          `${name}: ${left} listeners and topics`,
        );
      }
    }
  }

  /** Writes a line of the story. */
  note(text: string): void {
    this.lines.push(
      `${(this.time.now / 1000).toFixed(3).padStart(9)} s  ${text}`,
    );
  }
}
