import type { LoadedSnapshot } from "../../lib/store/saved/read.ts";
import type { Changes } from "../util/store.ts";
import { Auth } from "./auth.ts";
import { mount } from "./disk.ts";
import { EndedHistories } from "./ended_histories.ts";
import { setAuth } from "./etcd3.ts";
import type { Features } from "./features.ts";
import { Sockets } from "./grpc_sockets.ts";
import { InvalidValues } from "./invalid_values.ts";
import { type Backup, Keyspace } from "./keyspace.ts";
import { SimulatedLainlet, VERIFY_EVERY } from "./lainlet.ts";
import { Member } from "./member.ts";
import { Link, setRoutes } from "./network.ts";
import type { StoreName } from "./processes.ts";
import { Reference } from "./reference.ts";
import { HTTP_REQUESTS, REQUESTS } from "./requests.ts";
import { type Service, SERVICES } from "./stores.ts";
import { simulateSystem } from "./system.ts";
import { simulateWorkers } from "./workers.ts";

const realFetch = globalThis.fetch;

/** A host name that stands for any running lainlet, at random. */
export const ANY = "any";

/** The prefix of all keys that lainlet reads. */
const PREFIX = "/lain/";

/** A store, the lainlets that follow it, and the reference for their responses. */
export class World implements Disposable {
  readonly reference: Reference;
  readonly sockets = new Sockets();
  readonly invalid = new InvalidValues();
  readonly auth: Auth;
  readonly service: Service;
  readonly members: readonly Member[];
  readonly lainlets: readonly SimulatedLainlet[];
  /** By lainlet, then by member. */
  readonly links: readonly (readonly Link[])[];
  /** Every link of every lainlet. */
  readonly allLinks: readonly Link[];
  #keyspace = new Keyspace("1", 2);
  /** The keyspace of each history, the present one last. */
  readonly #keyspaces = [this.#keyspace];
  readonly #endedHistories = new EndedHistories();
  readonly #restore: () => void;
  /** Counts clusters. */
  #clusters = 1;
  #hasBegun = false;
  /** Whether all data was lost, and no key was written since. */
  #isEmptied = false;
  /** Whether a backup was restored as the same cluster. */
  hasSameRestored = false;

  constructor(
    store: StoreName,
    members: number,
    lainlets: number,
    readonly features: Features,
  ) {
    setAuth(this.auth = new Auth(features.login && store === "etcd"));
    this.members = Array.from(
      { length: members },
      (_, i) => new Member(`member-${i + 1}`, this),
    );
    const service = this.service = new SERVICES[store](this);
    const requests = features.grpc ? REQUESTS : HTTP_REQUESTS;
    this.reference = new Reference(requests, service.hasAtomicStates);
    this.links = Array.from(
      { length: lainlets },
      (_, i) =>
        this.members.map((one) =>
          new Link(`node-${i + 1} to ${one.name}`, one)
        ),
    );
    this.allLinks = this.links.flat();
    const endpointOf = (lainlet: number, member: Member) =>
      service.endpoint(`node-${lainlet + 1}`, member.name);
    const routes = new Map(
      this.links.flatMap((links, i) =>
        links.flatMap((link, k) => {
          const member = this.members[k];
          return member === undefined
            ? []
            : [[endpointOf(i, member), { link, member }] as const];
        })
      ),
    );
    setRoutes(routes);
    this.lainlets = this.links.map((links, i) => {
      const [first, ...others] = this.members
        .map((member) => endpointOf(i, member));
      if (first === undefined) throw new Error("there are no members");
      const endpoints = [first, ...others] as const;
      const open = () => service.open(endpoints, { verifyEvery: VERIFY_EVERY });
      const { maxLossTime } = service;
      const name = `node-${i + 1}`;
      const source = { kind: store, endpoints, open, maxLossTime };
      return new SimulatedLainlet(name, links, source, this.sockets, features);
    });
    const unmount = mount(
      this.lainlets.flatMap(({ disk, inspected }) =>
        disk ? [disk, inspected] : []
      ),
    );
    const restorers = [unmount, simulateWorkers(), simulateSystem()];
    this.#restore = () => {
      for (const restore of restorers) restore();
      globalThis.fetch = realFetch;
      this.sockets[Symbol.dispose]();
    };
    // Called by the client library, by etcd 2 stores, and to detect an etcd 2.
    globalThis.fetch = (input, init) => {
      if (typeof input === "string" && service.fetch !== undefined) {
        const url = new URL(input);
        if (routes.has(url.origin)) {
          return service.fetch(url, init?.signal ?? undefined);
        }
      }
      return this.#fetch(new Request(input, init));
    };
  }

  get keyspace(): Keyspace {
    return this.#keyspace;
  }

  /** The current revision, as clients see it. */
  get revision(): number {
    return this.service.clientRevision(this.#keyspace.revision);
  }

  /** Commits changes, in one revision. */
  commit(changes: Changes): void {
    this.#keyspace.commit(changes);
    this.#updateReference(changes);
    this.advance();
  }

  #updateReference(changes: Changes): void {
    const read = Object.entries(changes)
      .filter(([key]) => key.startsWith(PREFIX));
    if (this.#isEmptied) {
      if (read.every(([, value]) => value === null)) return;
      this.#isEmptied = false;
      this.reference.beginHistory(this.#content, true);
    } else if (read.length > 0) this.reference.commit(Object.fromEntries(read));
  }

  /** Removes a directory with everything in it, in one revision. */
  remove(directory: string): void {
    const keys = this.#keyspace.remove(directory);
    this.invalid.recordAllRemoved();
    this.#updateReference(Object.fromEntries(keys.map((key) => [key, null])));
    this.advance();
  }

  /** Applies what is committed; to be called after each commit. */
  advance(): void {
    this.update();
    for (const member of this.members) member.advance();
  }

  /** To be called after each step. */
  update(): void {
    this.#endedHistories.update(this.revision);
  }

  /** Starts or ends a member's process. */
  setRunning(member: Member, isUp: boolean): void {
    member.isUp = isUp;
    if (isUp) member.advance();
    else for (const link of this.linksTo(member)) link.cut();
    this.service.memberChanged?.(member);
  }

  /** Connects a member with the others, or cuts it off from them. */
  setQuorum(member: Member, hasQuorum: boolean): void {
    // The leader commits, so it has applied all that any follower has.
    if (!hasQuorum && member === this.service.leader) member.apply();
    member.hasQuorum = hasQuorum;
    if (hasQuorum) member.advance();
    this.service.memberChanged?.(member);
  }

  /** The links of all lainlets to a member. */
  linksTo(member: Member): Link[] {
    const at = this.members.indexOf(member);
    return this.links.flatMap((own) => own[at] ?? []);
  }

  /** Replaces the content by a backup, or by nothing; all members restart. */
  replace(backup: Backup | undefined, isSameCluster: boolean): void {
    this.hasSameRestored ||= isSameCluster && this.#hasBegun;
    this.#hasBegun = true;
    this.invalid.recordAllRemoved();
    const id = isSameCluster
      ? backup?.clusterId ?? this.#keyspace.clusterId
      : `${++this.#clusters}`;
    const ended = this.#keyspace;
    const isAlike = (prefix: string, known: number) =>
      this.service.lacksHistoryIds ||
      isSameCluster &&
        ended.lastChange(prefix, known) <= (backup?.revision ?? 0);
    this.#endedHistories.end(this.lainlets, isAlike);
    this.#keyspace = new Keyspace(id, 2, backup);
    this.#keyspaces.push(this.#keyspace);
    this.service.allRestarted?.();
    for (const member of this.members) {
      member.reset();
      member.isUp = true;
    }
    for (const link of this.allLinks) {
      link.cut();
      const { restartTime = 0 } = this.service;
      // Another cluster at the same address may have been running already.
      if (isSameCluster && restartTime > 0) {
        link.isRefused = true;
        setTimeout(() => link.isRefused = false, restartTime);
      }
    }
    this.update();
    this.#isEmptied = this.isEmpty;
    if (!this.#isEmptied) this.reference.beginHistory(this.#content, false);
  }

  /** Whether the store has no key. After a loss of all data, the previous state stays valid until there is a key. */
  get isEmpty(): boolean {
    return !this.#content.some(() => true);
  }

  get #content(): (readonly [key: string, value: string])[] {
    return [...this.#keyspace.content(this.#keyspace.revision).keys.values()]
      .filter(({ key }) => key.startsWith(PREFIX))
      .map(({ key, value }) => [key, value.toString()]);
  }

  /**
   * Whether a cluster had exactly this content under a prefix at its revision.
   * Where states may be of several revisions: whether it ever had each entry.
   */
  hadSnapshot(
    { cluster, revision, pages: [entries] }: LoadedSnapshot,
    prefix: string,
  ): boolean {
    if (!this.service.hasAtomicStates) {
      return entries.every(({ key, value }) =>
        this.#keyspaces.some((keyspace) => keyspace.hadValue(key, value))
      );
    }
    return this.#keyspaces.some((keyspace) => {
      if (keyspace.clusterId !== cluster) return false;
      const all = [...keyspace.content(revision).keys.values()]
        .filter(({ key }) => key.startsWith(prefix));
      const values = new Map(all.map(({ key, value }) => [key, value]));
      return all.length === entries.length &&
        entries.every(({ key, value }) => values.get(key)?.equals(value));
    });
  }

  /** Ends all faults. */
  heal(): void {
    this.auth.heal();
    for (const member of this.members) {
      member.isUp = true;
      member.lag = 0;
      this.setQuorum(member, true);
    }
    for (const link of this.allLinks) link.heal();
    for (const lainlet of this.lainlets) {
      lainlet.disk?.heal();
      lainlet.start();
    }
  }

  /** Stops all lainlets and the store. */
  close(): void {
    for (const lainlet of this.lainlets) lainlet.stop();
    this.reference.close();
    this.service.close?.();
  }

  [Symbol.dispose](): void {
    this.#restore();
  }

  #fetch(request: Request): Promise<Response> {
    const { host, pathname, search } = new URL(request.url);
    const up = this.lainlets.filter(({ isUp }) => isUp);
    const lainlet = host === ANY
      ? up[Math.floor(Math.random() * up.length)]
      : this.lainlets.find(({ name }) => name === host);
    if (lainlet === undefined) {
      return Promise.reject(new TypeError("connection refused"));
    }
    const { headers, signal } = request;
    return lainlet.fetch(pathname + search, "127.0.0.1", { headers, signal });
  }
}
