import type { StoreOptions } from "../../lib/store/kind.ts";
import type { Store } from "../../lib/store/store.ts";
import { ZooKeeperStore } from "../../lib/store/zookeeper/store.ts";
import { VERIFIED_WITHIN } from "./lainlet.ts";
import type { Member } from "./member.ts";
import { type ClientConn, connect } from "./member_sockets.ts";
import { type Link, routeTo } from "./network.ts";
import type { Cluster, Endpoints, Service } from "./stores.ts";
import { type Server, Session, zxidOf } from "./zookeeper_session.ts";

const realConnect = Deno.connect;

/** How long a member serves its clients after it was cut off from the others, in ms: `syncLimit`. */
const SYNC_LIMIT = 10_000;

/** A ZooKeeper ensemble. */
export class ZooKeeperService implements Service {
  readonly hasTransactions = true;
  readonly hasAtomicStates = false;
  readonly lacksHistoryIds = true;
  readonly maxLossTime = VERIFIED_WITHIN;
  readonly #servers: ReadonlyMap<Member, ZooKeeperServer>;
  #leader: Member | undefined;
  /** Until this time a deposed leader may still serve reads, in ms. */
  #deposedUntil = -Infinity;

  constructor(private readonly cluster: Cluster) {
    const { members, features: { localSessions } } = cluster;
    const commitSession = () => {
      cluster.keyspace.addEmptyRevisions();
      cluster.advance();
    };
    this.#servers = new Map(members.map((member) => [
      member,
      new ZooKeeperServer(member, localSessions ? undefined : commitSession),
    ]));
    this.#setLeader(members[0]);
    Object.assign(Deno, {
      connect: ({ hostname, port }: Deno.ConnectOptions) => {
        const { link, member } = routeTo(`${hostname}:${port}`);
        return this.#serverOf(member).connect(link);
      },
    });
  }

  get leader(): Member | undefined {
    return this.#leader;
  }

  endpoint(lainlet: string, member: string): string {
    return `${lainlet}.${member}:2181`;
  }

  open(endpoints: Endpoints, options: StoreOptions): Store {
    return new ZooKeeperStore(endpoints, options);
  }

  clientRevision(revision: number): number {
    return zxidOf(this.cluster.keyspace, revision);
  }

  /** Elects another leader: one of the members that run and are not cut off, which all end their connections. */
  elect(): void {
    const { members, keyspace } = this.cluster;
    const others = members.filter((one) =>
      one !== this.#leader && one.isUp && one.hasQuorum
    );
    if (others.length === 0) return;
    this.#setLeader(others[0]);
    keyspace.beginTerm();
    for (const member of members) {
      if (member.hasQuorum) this.#serverOf(member).reset();
    }
    this.cluster.advance();
  }

  /** Does nothing: ZooKeeper has no history. */
  compact(): void {}

  memberChanged(member: Member): void {
    // A single member always has a quorum.
    if (this.cluster.members.length === 1) {
      member.hasQuorum = true;
      return member.advance();
    }
    const isCutOff = !member.hasQuorum;
    const server = this.#serverOf(member);
    server.setCutOff(isCutOff);
    const leader = this.#leader;
    if (isCutOff && server.isLeading) {
      this.#deposedUntil = performance.now() + SYNC_LIMIT;
    }
    if (!isCutOff && member !== leader) server.isLeading = false;
    if (!leader?.isUp || !leader.hasQuorum) this.elect();
  }

  allRestarted(): void {
    const { keyspace, members } = this.cluster;
    keyspace.term = keyspace.termOf(keyspace.revision).term;
    for (const [member, server] of this.#servers) {
      server.setCutOff(false);
      server.isLeading = member === this.#leader;
    }
    if (members.length > 1) keyspace.beginTerm();
  }

  /** Until a deposed leader notices that it is cut off, it serves reads from its own state. */
  get readsMayBeStale(): boolean {
    return performance.now() < this.#deposedUntil;
  }

  expire(link: Link): void {
    for (const server of this.#servers.values()) server.expire(link);
  }

  close(): void {
    Object.assign(Deno, { connect: realConnect });
    for (const server of this.#servers.values()) server.close();
  }

  #serverOf(member: Member): ZooKeeperServer {
    const server = this.#servers.get(member);
    if (server === undefined) throw new Error(`${member.name} has no server`);
    return server;
  }

  #setLeader(member: Member | undefined): void {
    const last = this.#leader;
    if (last?.hasQuorum) this.#serverOf(last).isLeading = false;
    this.#leader = member;
    if (member !== undefined) this.#serverOf(member).isLeading = true;
  }
}

/** One member's server. */
class ZooKeeperServer implements Server {
  readonly #sessions = new Set<Session>();
  /** Timers that end the sessions of ended connections. */
  readonly #expiries = new Set<ReturnType<typeof setTimeout>>();
  /** The timer until it notices that it is cut off from the others. */
  #noticing?: ReturnType<typeof setTimeout>;
  /** Whether it has noticed that it is cut off: it refuses connections. */
  #isRefusing = false;
  isLeading = false;

  constructor(
    readonly member: Member,
    readonly commitSession?: () => void,
  ) {}

  /** Connects a client, as `Deno.connect` does. */
  connect(link: Link): Promise<ClientConn> {
    return connect(link, (socket) => {
      const session = new Session(this, link, socket);
      this.#sessions.add(session);
      if (this.#isRefusing) session.end();
      return session;
    });
  }

  /** To be called when the member is cut off from the others, which it notices later, or is connected again. */
  setCutOff(isCutOff: boolean): void {
    clearTimeout(this.#noticing);
    this.#isRefusing = false;
    if (!isCutOff) return;
    this.#noticing = setTimeout(() => {
      this.#isRefusing = true;
      this.reset();
    }, SYNC_LIMIT);
  }

  /** Ends all connections, as an election does. */
  reset(): void {
    for (const session of [...this.#sessions]) session.end();
  }

  /** Ends the sessions on a link. */
  expire(link: Link): void {
    for (const session of [...this.#sessions]) {
      if (session.link === link) session.expire();
    }
  }

  remove(session: Session, timeout: number | undefined): void {
    this.#sessions.delete(session);
    const { commitSession } = this;
    if (timeout === undefined || commitSession === undefined) return;
    if (timeout === 0) return commitSession();
    const timer = setTimeout(() => {
      this.#expiries.delete(timer);
      commitSession();
    }, timeout);
    this.#expiries.add(timer);
  }

  /** Ends all connections and timers. */
  close(): void {
    clearTimeout(this.#noticing);
    this.reset();
    for (const timer of this.#expiries) clearTimeout(timer);
    this.#expiries.clear();
  }
}
