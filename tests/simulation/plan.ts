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
import { ClientListener } from "./client_listener.ts";
import { clusterFault } from "./cluster_faults.ts";
import { diskFault } from "./disk_faults.ts";
import { type Features, featuresOf } from "./features.ts";
import { GrpcListener } from "./grpc_listener.ts";
import { writeInvalid } from "./invalid_values.ts";
import { PollListener } from "./poll_listener.ts";
import type { StoreName } from "./processes.ts";
import {
  HTTP_REQUESTS,
  LOCAL,
  PEERS,
  requestAt,
  REQUESTS,
} from "./requests.ts";
import { storeFault } from "./store_faults.ts";
import { type Action, NODES, type Operation, type Run } from "./story.ts";
import { JointListener, ViewListener } from "./stream_listeners.ts";
import { targetedFaults } from "./targeted_faults.ts";
import { workersOf } from "./workers.ts";
import { ANY } from "./world.ts";

const APPS = ["a", "b", "c"] as const;

/** The number of operations, without those of features. */
const LENGTH = 120;

/** The operations of a seed, with faults among them. */
export function plan({ store, seed }: Run): Operation[] {
  const random = new Random(seed * 7919 % 2147483647 || 1);
  const [first, ...others] = featureActions(featuresOf(seed), store);
  const all = commonOperations(random, store);
  if (first === undefined) return all;
  return all.flatMap((one, i) => {
    if (random.below(6) > 0) return [one];
    const choose = random.pick([first, ...others]);
    return [one, { after: random.below(300), ...choose(random, i) }];
  });
}

/** Functions that choose an action of a story's features. */
function featureActions(
  { disk, grpc, workers, login, invalidValues, suspended, targeted }: Features,
  store: StoreName,
): ((random: Random, i: number) => Action)[] {
  const all = [
    ...disk ? [diskFault] : [],
    ...grpc ? [callGrpc, callGrpc] : [],
    ...workers ? [workerFault] : [],
    ...login ? [authFault] : [],
    ...invalidValues ? [writeInvalid, writeInvalid] : [],
    ...suspended ? [suspension] : [],
    ...targeted ? targetedFaults(store, disk) : [],
  ];
  return all.length > 0 ? [...all, pollOrRoam] : [];
}

/** The operations that do not depend on features. */
function commonOperations(random: Random, store: StoreName): Operation[] {
  return Array.from({ length: LENGTH }, (_, i) => {
    const after = random.below(5) === 0
      ? random.below(8_000)
      : random.below(300);
    return { after, ...commonAction(random, i, store) };
  });
}

function commonAction(
  random: Random,
  i: number,
  store: StoreName,
): Action {
  const kind = random.below(100);
  if (kind < 45) return write(random, i);
  if (kind < 62) return listen(random);
  if (kind < 67) return disconnect(random);
  if (kind < 71) return stall(random);
  if (kind < 82) return get(random);
  return storeFault(store, random, i) ?? clusterFault(random);
}

function write(random: Random, i: number): Action {
  if (random.below(6) === 0) {
    const changes = { [`/other/${random.below(3)}`]: `${i}` };
    return {
      text: "put a key outside /lain/",
      perform: (story) => story.write(changes),
    };
  }
  const changes: Record<string, string | null> = {};
  const change = changeOf(random, i);
  // A transaction stays within one subtree: views and rights come by different watches.
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
        // The portal has no caller's address: its right would come by another watch.
        const value = dependsValue(NODES[0], "a", "127.27.9.8", i);
        return { [key]: isRemoved() ? null : value };
      };
    default:
      return () => {
        const spec = {
          app: random.pick(APPS),
          proc: "web.web",
          // Version 0 is used again, so that states recur.
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

function listen(random: Random): Action {
  const [which, drawn, kind] = [
    random.below(10),
    random.below(HTTP_REQUESTS.length),
    random.below(6),
  ];
  // The client library sends requests from a local address only.
  const isLocal = HTTP_REQUESTS[drawn]?.peer === LOCAL;
  const requestIndex = kind === 4 && !isLocal ? 2 : drawn;
  const { path, peer } = requestAt(requestIndex);
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
          ? new ViewListener(lainlet, requestIndex, kind >= 2)
          : kind === 4
          ? new ClientListener(lainlet, requestIndex)
          : new JointListener(lainlet, [0, 5, 7]),
      );
    },
  };
}

function callGrpc(random: Random): Action {
  const which = random.below(10);
  const requestIndex = HTTP_REQUESTS.length +
    random.below(REQUESTS.length - HTTP_REQUESTS.length);
  const method = random.pick(["watch", "watch", "get"] as const);
  const { path, peer } = requestAt(requestIndex);
  return {
    text: `${peer} calls ${method} of ${path} by gRPC`,
    perform(story) {
      const { listeners, world: { sockets } } = story;
      const lainlet = story.lainlet(which);
      listeners.push(new GrpcListener(sockets, lainlet, requestIndex, method));
    },
  };
}

function workerFault(random: Random): Action {
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

function pollOrRoam(random: Random): Action {
  const which = random.below(10);
  const isPoll = random.below(2) === 0;
  // The requests of local callers.
  const requestIndex = random.pick([0, 2, 3, 5, 7] as const);
  const { path } = requestAt(requestIndex);
  return {
    text: isPoll
      ? `${LOCAL} polls ${path}`
      : `${LOCAL} watches ${path} with the client, on any lainlet`,
    perform(story) {
      const lainlet = story.lainlet(which);
      story.listeners.push(
        isPoll
          ? new PollListener(lainlet, requestIndex)
          : new ClientListener(lainlet, requestIndex, ANY),
      );
    },
  };
}

function suspension(random: Random): Action {
  const time = random.below(300_000);
  return {
    text: `all processes are suspended for ${time} ms`,
    perform: (story) => story.suspend(time),
  };
}

function disconnect(random: Random): Action {
  const which = random.below(1_000);
  return {
    text: "a listener disconnects",
    perform({ listeners }) {
      const [listener] = listeners.splice(which % (listeners.length || 1), 1);
      listener?.disconnect();
    },
  };
}

function stall(random: Random): Action {
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

function get(random: Random): Action {
  const [which, requestIndex, consistency] = [
    random.below(10),
    random.below(HTTP_REQUESTS.length),
    random.pick(["default", "fresh", "revision"] as const),
  ];
  const { path } = requestAt(requestIndex);
  const how = {
    default: "",
    fresh: " with fresh=1",
    revision: " with the current revision",
  }[consistency];
  return {
    text: `GET ${path}${how}`,
    perform: (story) =>
      story.sendGet(story.lainlet(which), requestIndex, consistency),
  };
}
