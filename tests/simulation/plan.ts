import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { Random } from "../util/model.ts";
import type { Changes } from "../util/store.ts";
import { authFault } from "./auth.ts";
import { writeOdd } from "./bad_values.ts";
import { diskFault } from "./disk_faults.ts";
import { type Features, featuresOf } from "./features.ts";
import { GrpcListener } from "./grpc_listener.ts";
import { ClientListener, JointListener, PlainListener } from "./listeners.ts";
import type { StoreName } from "./processes.ts";
import { PollListener } from "./poll_listener.ts";
import { HTTP_QUESTIONS, LOCAL, QUESTIONS } from "./questions.ts";
import { storeFault } from "./store_faults.ts";
import { NODES, type Operation, PEERS, type Run, type Story } from "./story.ts";
import { workersOf } from "./workers.ts";
import { worstMoments } from "./worst_moments.ts";

const APPS = ["a", "b", "c"] as const;

/** The operations of a seed, with faults among them. */
export function plan({ store, seed }: Run, length = 120): Operation[] {
  const random = new Random(seed * 7919 % 2147483647 || 1);
  const faults = faultsOf(featuresOf(seed), store);
  const [first, ...others] = faults;
  const all = always(random, length, store);
  if (first === undefined) return all;
  return all.flatMap((one, i) => {
    if (random.below(6) > 0) return [one];
    const make = random.pick([first, ...others]);
    return [one, { after: random.below(300), ...make(random, i) }];
  });
}

/** Makes operations that the features of a story need. */
function faultsOf(
  { disk, grpc, workers, login, bad, suspended, worst }: Features,
  store: StoreName,
): ((random: Random, i: number) => Omit<Operation, "after">)[] {
  const all = [
    ...disk ? [diskFault] : [],
    ...grpc ? [callGrpc, callGrpc] : [],
    ...workers ? [workerFault] : [],
    ...login ? [authFault] : [],
    ...bad ? [writeOdd, writeOdd] : [],
    ...suspended ? [suspension] : [],
    ...worst ? worstMoments(store, disk) : [],
  ];
  return all.length > 0 ? [...all, pollOrRoam] : [];
}

/** The operations of every story. */
function always(
  random: Random,
  length: number,
  store: StoreName,
): Operation[] {
  return Array.from({ length }, (_, i): Operation => {
    const after = random.below(5) === 0
      ? random.below(8_000)
      : random.below(300);
    return { after, ...operation(random, i, store) };
  });
}

function operation(
  random: Random,
  i: number,
  store: StoreName,
): Omit<Operation, "after"> {
  const kind = random.below(100);
  if (kind < 45) return write(random, i);
  if (kind < 62) return listen(random);
  if (kind < 67) return leave(random);
  if (kind < 71) return stall(random);
  if (kind < 82) return ask(random);
  return storeFault(store, random, i) ?? fault(random);
}

function write(random: Random, i: number): Omit<Operation, "after"> {
  if (random.below(6) === 0) {
    const changes = { [`/other/${random.below(3)}`]: `${i}` };
    return {
      text: "put a key outside /lain/",
      perform: (story) => story.write(changes),
    };
  }
  const changes: Record<string, string | null> = {};
  const change = changeOf(random, i);
  // A transaction stays in one subtree: rights come by other watches.
  for (let k = random.below(3); k >= 0; k--) Object.assign(changes, change(k));
  const text = Object.entries(changes)
    .map(([key, value]) => value === null ? `delete ${key}` : `put ${key}`)
    .join(", ");
  return { text, perform: (story) => story.write(changes) };
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
        // No caller is a portal: its owner would come by another watch.
        const value = dependsValue(NODES[0], "a", "127.27.9.8", i);
        return { [key]: isRemoved() ? null : value };
      };
    default:
      return () => {
        const spec = {
          app: random.pick(APPS),
          proc: "web.web",
          // Some values occur again.
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
  const [which, drawn, kind] = [
    random.below(10),
    random.below(HTTP_QUESTIONS.length),
    random.below(6),
  ];
  // The client library sends requests from a local address only.
  const isLocal = HTTP_QUESTIONS[drawn]?.peer === LOCAL;
  const question = kind === 4 && !isLocal ? 2 : drawn;
  const { path, peer } = HTTP_QUESTIONS[question] ?? { path: "", peer: "" };
  const how = ["", "", " as patches", " as patches", " with the client"][kind];
  return {
    text: kind === 5
      ? `${LOCAL} watches several views on one stream`
      : `${peer} watches ${path}${how}`,
    perform(story) {
      const lainlet = story.lainlet(which);
      if (!lainlet.isUp) return;
      story.listeners.push(
        kind < 4
          ? new PlainListener(lainlet, question, kind >= 2)
          : kind === 4
          ? new ClientListener(lainlet, question)
          : new JointListener(lainlet, [0, 5, 7]),
      );
    },
  };
}

function callGrpc(random: Random): Omit<Operation, "after"> {
  const which = random.below(10);
  const question = HTTP_QUESTIONS.length +
    random.below(QUESTIONS.length - HTTP_QUESTIONS.length);
  const method = random.pick(["watch", "watch", "get"] as const);
  const { path, peer } = QUESTIONS[question] ?? { path: "", peer: "" };
  return {
    text: `${peer} calls ${method} of ${path} by gRPC`,
    perform(story) {
      const { listeners, world: { sockets } } = story;
      const lainlet = story.lainlet(which);
      listeners.push(new GrpcListener(sockets, lainlet, question, method));
    },
  };
}

function workerFault(random: Random): Omit<Operation, "after"> {
  const [which, time] = [random.below(10), random.below(5_000)];
  const isDeadly = random.below(2) === 0;
  return {
    text: isDeadly ? "a worker dies" : `a worker hangs for ${time} ms`,
    perform(story) {
      const [worker] = workersOf(story.lainlet(which).name);
      if (isDeadly) worker?.die();
      else worker?.hang(time);
    },
  };
}

function pollOrRoam(random: Random): Omit<Operation, "after"> {
  const which = random.below(10);
  const isPoll = random.below(2) === 0;
  const locals = [0, 2, 3, 5, 7] as const;
  const question = random.pick(locals);
  const { path } = QUESTIONS[question] ?? { path: "" };
  return {
    text: isPoll
      ? `${LOCAL} polls ${path}`
      : `${LOCAL} watches ${path} with the client, on any lainlet`,
    perform(story) {
      const lainlet = story.lainlet(which);
      story.listeners.push(
        isPoll
          ? new PollListener(lainlet, question)
          : new ClientListener(lainlet, question, "any"),
      );
    },
  };
}

function suspension(random: Random): Omit<Operation, "after"> {
  const time = random.below(300_000);
  return {
    text: `all processes are suspended for ${time} ms`,
    perform: (story) => story.suspend(time),
  };
}

function leave(random: Random): Omit<Operation, "after"> {
  const which = random.below(1_000);
  return {
    text: "a listener disconnects",
    perform({ listeners }) {
      const [listener] = listeners.splice(which % (listeners.length || 1), 1);
      listener?.leave();
    },
  };
}

function stall(random: Random): Omit<Operation, "after"> {
  const [which, time] = [random.below(1_000), random.below(10_000)];
  return {
    text: `a listener reads nothing for ${time} ms`,
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
    random.below(HTTP_QUESTIONS.length),
    random.below(3),
  ];
  const { path = "" } = HTTP_QUESTIONS[question] ?? {};
  const how = ["", " with fresh=1", " with the last revision"][kind];
  return {
    text: `GET ${path}${how}`,
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
        text: `the next call on a link: ${kind}`,
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
        text: `the next calls on a link: ${kinds.join(", ")}`,
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
        text: `a member is killed, and restarts after ${time} ms`,
        perform(story) {
          const one = member(story);
          story.world.setUp(one, false);
          setTimeout(() => story.world.setUp(one, true), time);
        },
      };
    case 8:
      return {
        text: `a member is paused for ${time} ms`,
        perform(story) {
          const links = story.world.linksTo(member(story));
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
          story.world.setQuorum(one, false);
          setTimeout(() => story.world.setQuorum(one, true), time);
        },
      };
    case 11:
      return {
        text: "another leader is elected",
        perform: ({ world }) => world.service.elect(),
      };
    case 12:
      return {
        text: "history is compacted",
        perform: ({ world }) => world.service.forget(),
      };
    case 13:
      return {
        text: "a backup is made",
        perform: (story) => void (story.backup = story.world.keyspace.save()),
      };
    case 14: {
      const isSame = random.below(2) === 0;
      return {
        text: `the backup is restored as ${
          isSame ? "the same" : "another"
        } cluster`,
        perform({ world, backup }) {
          // Possibly no backup was made yet.
          if (backup !== undefined) world.replace(backup, isSame);
        },
      };
    }
    case 15:
      return {
        text: `a lainlet is stopped, and restarts after ${time} ms`,
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
        text: `the wall clock is changed by ${by} ms`,
        perform: ({ time }) => time.setClock(by),
      };
    }
  }
}
