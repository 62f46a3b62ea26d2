import { EtcdStore } from "../../lib/store/etcd/store.ts";
import type { Loaded } from "../../lib/store/saved/read.ts";
import type { Changes } from "../util/store.ts";
import { Disk, mount } from "./disk.ts";
import { type Backup, Keyspace, Member } from "./etcd.ts";
import { setPlaces } from "./etcd3.ts";
import type { Features } from "./features.ts";
import { SimulatedLainlet } from "./lainlet.ts";
import { Link } from "./network.ts";
import { Reference } from "./reference.ts";

const REAL = {
  fetch: globalThis.fetch,
  createHttpClient: Deno.createHttpClient,
};

/** What lainlet reads. */
const PREFIX = "/lain/";

/** An etcd cluster, lainlets that follow it, and what they are to say. */
export class World implements Disposable {
  readonly reference = new Reference();
  readonly members: readonly Member[];
  readonly lainlets: readonly SimulatedLainlet[];
  /** By lainlet, then by member. */
  readonly links: readonly (readonly Link[])[];
  #keyspace = new Keyspace("1", 2);
  /** Of all histories; those that came first, too. */
  readonly #keyspaces = [this.#keyspace];
  readonly #unmount: () => void;
  #histories = 1;
  #hasBegun = false;
  /** Whether a backup was restored as the same cluster. */
  hasSameRestored = false;

  constructor(members: number, lainlets: number, { disk }: Features) {
    this.members = Array.from(
      { length: members },
      (_, i) => new Member(`etcd-${i + 1}`, this),
    );
    this.links = Array.from(
      { length: lainlets },
      (_, i) =>
        this.members.map((one) =>
          new Link(`node-${i + 1} to ${one.name}`, one)
        ),
    );
    setPlaces(this.links.flatMap((links, i) =>
      links.flatMap((link, k) => {
        const member = this.members[k];
        return member === undefined
          ? []
          : [[endpointOf(i, member), { link, member }]] as const;
      })
    ));
    this.lainlets = this.links.map((links, i) => {
      const [first, ...others] = this.members
        .map((member) => endpointOf(i, member));
      if (first === undefined) throw new Error("there are no members");
      const endpoints = [first, ...others] as const;
      const open = () => new EtcdStore(endpoints, { verifyEvery: 10_000 });
      const name = `node-${i + 1}`;
      const source = { kind: "etcd", endpoints, open };
      return new SimulatedLainlet(
        name,
        links,
        source,
        disk ? new Disk(name) : undefined,
      );
    });
    this.#unmount = mount(
      this.lainlets.flatMap(({ disk, inspected }) =>
        disk ? [disk, inspected] : []
      ),
    );
    // Of clients, and of lainlets that look for an etcd 2.
    globalThis.fetch = (input, init) => this.#fetch(new Request(input, init));
    Deno.createHttpClient = () => ({ close() {}, [Symbol.dispose]() {} });
  }

  get keyspace(): Keyspace {
    return this.#keyspace;
  }

  /** Every link of every lainlet. */
  get allLinks(): readonly Link[] {
    return this.links.flat();
  }

  /** Writes something, in one revision. */
  commit(changes: Changes): void {
    this.#keyspace.commit(changes);
    const seen = Object.entries(changes)
      .filter(([key]) => key.startsWith(PREFIX));
    if (this.#isReplacedByNothing) {
      if (seen.some(([, value]) => value !== null)) this.#begin();
    } else if (seen.length > 0) this.reference.commit(Object.fromEntries(seen));
    for (const member of this.members) member.advance();
  }

  /** Forgets history up to now. */
  compact(): void {
    this.#keyspace.compact(this.#keyspace.revision);
    for (const member of this.members) member.advance();
  }

  /** Replaces everything by a backup, or by nothing: all processes of the store restart. */
  replace(backup: Backup | undefined, isSameCluster: boolean): void {
    this.hasSameRestored ||= isSameCluster && this.#hasBegun;
    this.#hasBegun = true;
    const id = isSameCluster
      ? this.#keyspace.clusterId
      : `${++this.#histories}`;
    this.#keyspace = new Keyspace(id, 2, backup);
    this.#keyspaces.push(this.#keyspace);
    for (const member of this.members) {
      member.reset();
      member.isUp = true;
    }
    for (const link of this.allLinks) link.cut();
    this.#isReplacedByNothing = !this.#content.some(() => true);
    if (!this.#isReplacedByNothing) this.#begin();
  }

  /** Whether the store was replaced by one that holds nothing: what was there counts until a key is. */
  #isReplacedByNothing = false;

  #begin(): void {
    this.#isReplacedByNothing = false;
    this.reference.begin(this.#content);
  }

  get #content(): (readonly [key: string, value: string])[] {
    return [...this.#keyspace.content(this.#keyspace.revision).values()]
      .filter(({ key }) => key.startsWith(PREFIX))
      .map(({ key, value }) => [key, value.toString()]);
  }

  /** Whether a cluster ever held just this under a prefix at a revision. */
  held(
    { cluster, revision, pages: [entries] }: Loaded,
    prefix: string,
  ): boolean {
    return this.#keyspaces.some((keyspace) => {
      if (keyspace.clusterId !== cluster) return false;
      const all = [...keyspace.content(revision).values()]
        .filter(({ key }) => key.startsWith(prefix));
      const values = new Map(all.map(({ key, value }) => [key, value]));
      return all.length === entries.length &&
        entries.every(({ key, value }) => values.get(key)?.equals(value));
    });
  }

  /** Makes an end to all faults. */
  heal(): void {
    for (const member of this.members) {
      member.isUp = true;
      member.hasQuorum = true;
      member.lag = 0;
      member.advance();
    }
    for (const link of this.allLinks) link.heal();
    for (const lainlet of this.lainlets) {
      lainlet.disk?.heal();
      lainlet.start();
    }
  }

  close(): void {
    for (const lainlet of this.lainlets) lainlet.stop();
    this.reference.close();
  }

  [Symbol.dispose](): void {
    this.#unmount();
    globalThis.fetch = REAL.fetch;
    Deno.createHttpClient = REAL.createHttpClient;
  }

  #fetch(request: Request): Promise<Response> {
    const { host, pathname, search } = new URL(request.url);
    const lainlet = this.lainlets.find(({ name }) => name === host);
    if (lainlet === undefined) {
      return Promise.reject(new TypeError("connection refused"));
    }
    const { headers, signal } = request;
    return lainlet.ask(pathname + search, "127.0.0.1", { headers, signal });
  }
}

function endpointOf(lainlet: number, member: Member): string {
  return `http://node-${lainlet + 1}.${member.name}:2379`;
}
