import { type Flag, type Given, UsageError } from "../../flags.ts";
import { type Login, readAuth, type StoreKind } from "../kind.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "zookeeper",
    value: "ENDPOINTS",
    env: "LAINLET_ZOOKEEPER",
    help:
      "comma-separated members of one ZooKeeper cluster, and the chroot, if any (default $LAINLET_ZOOKEEPER, or 127.0.0.1:2181)",
  },
  {
    name: "zookeeper.user",
    value: "USER:PASSWORD",
    env: "LAINLET_ZOOKEEPER_USER",
    help:
      "login to ZooKeeper, digest (default $LAINLET_ZOOKEEPER_USER, or none)",
  },
];

/** Values of the flags. */
export interface Settings {
  /** Members of one cluster, `127.0.0.1:2181`. */
  readonly endpoints: readonly [string, ...string[]];
  /** Path that the keys are under, `/lain-1`; "": none. */
  readonly chroot: string;
  readonly auth?: Login["auth"];
}

/** ZooKeeper 3.6 or newer. */
export const zookeeper: StoreKind = {
  name: "zookeeper",
  about: "ZooKeeper 3.6 or newer",
  flags: FLAGS,
  read(given) {
    const { endpoints, ...access } = readSettings(given);
    return {
      kind: this.name,
      endpoints: endpoints.map((endpoint) => endpoint + access.chroot),
      async open(options) {
        const { ZooKeeperStore } = await import("./store.ts");
        return new ZooKeeperStore(endpoints, { ...options, ...access });
      },
    };
  },
};

/** Reads the flags. @throws {UsageError} on a bad value */
export function readSettings(given: Given): Settings {
  const text = given("zookeeper") ?? "127.0.0.1:2181";
  const slash = text.includes("/") ? text.indexOf("/") : text.length;
  const chroot = text.slice(slash).replace(/\/$/, "");
  const [first, ...others] = text.slice(0, slash).split(",")
    .map((part) => endpoint(part.trim()));
  if (first === undefined) throw new UsageError("--zookeeper needs a value");
  if (/\/\/|\/\.\.?(\/|$)|[\s,]/.test(chroot)) {
    throw new UsageError("--zookeeper's chroot must be a path like /lain-1");
  }
  return {
    endpoints: [first, ...others],
    chroot,
    auth: readAuth("zookeeper.user", given),
  };
}

/** Returns an endpoint as host and port. */
function endpoint(text: string): string {
  const [, host, port = "2181"] =
    /^([\w.-]+|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || !URL.canParse(`tcp://${host}:${port}`)) {
    // Not the text itself: it may hold a password.
    throw new UsageError(
      "--zookeeper must be endpoints like zk-1:2181,[::1]:2181/chroot",
    );
  }
  return `${host}:${Number(port)}`;
}
