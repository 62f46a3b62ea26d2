import { sleep } from "../../time.ts";
import type { ResponseHeader } from "../connection.ts";
import { Endpoints } from "../endpoints.ts";
import type { StoreOptions } from "../kind.ts";
import { RemoteStore } from "../remote.ts";
import type { WatchEvent } from "../store.ts";
import type { KeyRevisions } from "../watch.ts";
import { type Access, ZooKeeperConnection } from "./connection.ts";
import { walk } from "./walk.ts";
import { ZooKeeperWatch } from "./watch.ts";

/** Time between two polls whether a watch is complete, in ms, and how many there are. */
const POLL_INTERVAL = 20;
const POLLS = 4_000 / POLL_INTERVAL;

/**
 * How long members that know of fewer elections than an earlier one did are not
 * trusted, in ms. Such a member may be a leader that has lost the others, and
 * finds that out within `syncLimit` (10 s): till then it begins sessions, if its
 * cluster has `localSessionsEnabled`. After this time they count as a restored
 * backup.
 */
const DISTRUST_TIME = 15_000;
/** The upper half of a zxid counts elections. */
const EPOCH = 2 ** 32;

/**
 * The store in ZooKeeper 3.6 or newer. A key is a znode with data, and its path
 * is the key, after the chroot. Each prefix has a persistent recursive watch,
 * whose events say which znode to read again, and is walked once on each
 * connection, as ZooKeeper has no history.
 *
 * @see https://zookeeper.apache.org/doc/r3.8.0/zookeeperProgrammers.html
 */
export class ZooKeeperStore
  extends RemoteStore<ZooKeeperConnection, ZooKeeperWatch> {
  protected readonly endpoints: Endpoints<ZooKeeperConnection>;
  readonly #chroot: string;
  /** Elections that the last trusted member knew of. Outlives the watches, which may all begin anew. */
  #elections = 0;
  /** Since when all members know of fewer elections than one did. */
  #distrustedSince?: number;

  /** @param endpoints members of one cluster, `127.0.0.1:2181` */
  constructor(
    endpoints: readonly [string, ...string[]],
    { chroot = "", auth, ...options }: StoreOptions & Access = {},
  ) {
    super(options);
    this.#chroot = chroot;
    this.endpoints = new Endpoints(endpoints, {
      name: "ZooKeeper",
      connect: (endpoint) => {
        const connection: ZooKeeperConnection = new ZooKeeperConnection(
          endpoint,
          { chroot, auth },
          (path) => {
            for (const watch of this.watchesOn(connection)) {
              watch.markDirty(path);
            }
          },
        );
        return connection;
      },
      open: async (connection) => {
        const header = await connection.open();
        this.#expectElections(header);
        return header;
      },
    });
  }

  protected createWatch(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): ZooKeeperWatch {
    return new ZooKeeperWatch(prefix, this.#chroot, controller);
  }

  protected isSameHistory(
    watch: ZooKeeperWatch,
    _: ZooKeeperConnection,
    header: ResponseHeader,
  ): Promise<boolean> {
    return Promise.resolve(watch.isSameHistory(header));
  }

  /** A `sync` and a read: all events up to its zxid have arrived. The watches may still be reading those znodes. */
  protected async check(
    connection: ZooKeeperConnection,
    live: readonly ZooKeeperWatch[],
  ): Promise<ZooKeeperWatch[]> {
    const zxid = await connection.currentZxid();
    const isComplete = await Promise.all(live.map(async (watch) => {
      for (let pollsLeft = POLLS; pollsLeft > 0; pollsLeft--) {
        if (watch.isComplete(zxid) || !watch.isLive) break;
        await sleep(POLL_INTERVAL, connection.signal);
      }
      return watch.isComplete(zxid);
    }));
    const confirmed = live.filter((_, i) => isComplete[i]);
    for (const watch of confirmed) watch.confirm(zxid);
    return confirmed;
  }

  protected async readInventory(
    connection: ZooKeeperConnection,
    watch: ZooKeeperWatch,
  ): Promise<KeyRevisions> {
    const paths = new Map([[watch.root, true]]);
    const result = await walk(connection, { paths, isBare: true });
    // Then the watch is not confirmed, and no inventory is delivered.
    for (const path of result.refused) watch.markDirty(path, true);
    return { revision: result.zxid, keys: watch.revisionsOf(result.znodes) };
  }

  /** @throws {Error} for a while, when another member knew of more elections */
  #expectElections({ revision }: ResponseHeader): void {
    const elections = Math.floor(revision / EPOCH);
    if (elections < this.#elections) {
      const now = performance.now();
      this.#distrustedSince ??= now;
      if (now - this.#distrustedSince < DISTRUST_TIME) {
        throw new Error(
          "ZooKeeper does not know of its cluster's last election",
        );
      }
    }
    this.#distrustedSince = undefined;
    this.#elections = elections;
  }
}
