import { onAbort } from "../../abort.ts";
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../time.ts";
import { type Access, ZooKeeperConnection } from "./connection.ts";
import { type Finds, walk } from "./walk.ts";
import { ZooKeeperWatch } from "./watch.ts";
import { type Dialed, Endpoints, type Use } from "../endpoints.ts";
import { FollowedStore, type StoreOptions } from "../remote.ts";
import type { WatchEvent } from "../store.ts";

const log = getLogger(["lainlet", "zookeeper"]);

/** Time between two looks for what has to come, in ms, and how many there are. */
const BETWEEN_LOOKS = 20;
const LOOKS = 4_000 / BETWEEN_LOOKS;

/**
 * How long a member that knows less elections than another one did is not
 * believed, in ms: it may have lost the others, and finds that out within
 * `syncLimit` (10 s). A cluster that was restored from a backup stays so.
 */
const DEPOSED = 15_000;
/** A zxid's upper half counts elections. */
const EPOCH = 2 ** 32;

/**
 * The state in ZooKeeper 3.6 or newer. A key is a znode with data, and its
 * path is the key, after the chroot. Each prefix has a persistent recursive
 * watch, whose events say which znode to read again, and is walked through
 * once for each connection, as ZooKeeper has no history.
 *
 * @see https://zookeeper.apache.org/doc/r3.8.0/zookeeperProgrammers.html
 */
export class ZooKeeperStore
  extends FollowedStore<ZooKeeperConnection, number, ZooKeeperWatch, Finds> {
  protected readonly endpoints: Endpoints<ZooKeeperConnection, number>;
  readonly #chroot: string;
  /** By which connection each watch is followed, or was at last. */
  readonly #followers = new WeakMap<ZooKeeperWatch, ZooKeeperConnection>();
  /** Since when all members know less elections than one did. */
  #deposedSince?: number;

  /** @param endpoints `127.0.0.1:2181`; a single cluster's members */
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
            for (const watch of this.watches) {
              if (this.#followers.get(watch) === connection) watch.touch(path);
            }
          },
        );
        return connection;
      },
      open: async (connection) => {
        const head = await connection.open();
        this.#expectElections(head);
        return head;
      },
    });
  }

  protected begin(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): ZooKeeperWatch {
    return new ZooKeeperWatch(prefix, this.#chroot, controller);
  }

  protected leave(watch: ZooKeeperWatch): void {
    watch.wake();
  }

  protected async serve(
    { connection, head }: Dialed<ZooKeeperConnection, number>,
    use: Use,
  ): Promise<void> {
    const { endpoint, signal } = connection;
    onAbort(signal, () => {
      for (const watch of this.watches) watch.wake();
    });
    const watches = [...this.watches];
    const isOther = watches.some(({ revision }) => revision > head);
    this.enterHistory(connection, head, isOther);
    await Promise.all(watches.map((watch) => this.follow(watch, connection)));
    if (signal.aborted) return;
    use.resumed();
    log.info("ZooKeeper is connected", { endpoint, revision: head });
    this.keepChecking(connection, use);
  }

  /**
   * Follows a prefix by a connection, until that is over, unless it is
   * followed by it already; a failure ends the connection.
   *
   * @returns resolves when it is followed, or is known not to be
   */
  protected follow(
    watch: ZooKeeperWatch,
    connection: ZooKeeperConnection,
  ): Promise<void> {
    if (this.#followers.get(watch) === connection) return Promise.resolve();
    this.#followers.set(watch, connection);
    const { promise: isFollowed, resolve } = Promise.withResolvers<void>();
    const isCurrent = () =>
      !connection.signal.aborted && this.watches.has(watch);
    const run = async () => {
      const at = performance.now();
      watch.resume(await connection.watch(watch.root), this.history);
      for (let isConfirmed = false; isCurrent(); await watch.news()) {
        const paths = watch.next();
        if (paths.size === 0) continue;
        const finds = await walk(connection, {
          paths,
          known: (path) => watch.version(path),
        });
        if (!isCurrent()) return;
        const { problem } = watch;
        watch.take(finds);
        if (watch.problem !== problem) this.#tell(watch);
        if (watch.isLive || watch.problem !== undefined) resolve();
        if (isConfirmed || !watch.isComplete(finds.zxid)) continue;
        isConfirmed = true;
        this.confirm(watch.prefix, at);
      }
    };
    run().catch((error) => connection.fail(error)).finally(resolve);
    return isFollowed;
  }

  protected async check(
    connection: ZooKeeperConnection,
    live: readonly ZooKeeperWatch[],
  ): Promise<ZooKeeperWatch[]> {
    const zxid = await connection.head();
    // All events up to there have come; what they are about is being read.
    const isComplete = await Promise.all(live.map(async (watch) => {
      for (let looks = LOOKS; looks > 0; looks--) {
        if (watch.isComplete(zxid) || !watch.isLive) break;
        await sleep(BETWEEN_LOOKS, connection.signal);
      }
      return watch.isComplete(zxid);
    }));
    const proven = live.filter((_, i) => isComplete[i]);
    for (const watch of proven) watch.prove(zxid);
    return proven;
  }

  protected async readInventory(
    connection: ZooKeeperConnection,
    watch: ZooKeeperWatch,
  ): Promise<Finds> {
    const paths = new Map([[watch.root, true]]);
    const finds = await walk(connection, { paths, isBare: true });
    // Then it is not proven, and what was not found does not count.
    for (const path of finds.refused) watch.touch(path, true);
    return finds;
  }

  /** @throws {Error} when another member knew of more elections, for a while */
  #expectElections(head: number): void {
    const known = Math.max(0, ...[...this.watches].map((one) => one.revision));
    if (Math.floor(head / EPOCH) >= Math.floor(known / EPOCH)) {
      this.#deposedSince = undefined;
      return;
    }
    const now = performance.now();
    this.#deposedSince ??= now;
    if (now - this.#deposedSince >= DEPOSED) return;
    throw new Error("ZooKeeper has not heard of its cluster's last election");
  }

  #tell({ prefix, problem }: ZooKeeperWatch): void {
    if (problem === undefined) return;
    log.error("ZooKeeper does not serve all of a subtree, retrying", {
      prefix,
      error: problem,
    });
  }
}
