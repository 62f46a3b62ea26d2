import type { StoreOptions } from "../../lib/store/kind.ts";
import type { Store } from "../../lib/store/store.ts";
import { ZooKeeperStore } from "../../lib/store/zookeeper/store.ts";
import { VERIFIED_WITHIN } from "./lainlet.ts";
import type { Member } from "./keyspace.ts";
import { type Link, placeOf } from "./network.ts";
import { type ClientConn, connect } from "./sockets.ts";
import type { Cluster, Endpoints, Service } from "./stores.ts";
import { type Server, Session, zxidOf } from "./zookeeper_session.ts";

const realConnect = Deno.connect;

/** How long a member that has lost the others goes on, in ms: `syncLimit`. */
const SYNC_LIMIT = 10_000;

/** An ensemble of ZooKeepers. */
export class ZooKeeperService implements Service {
  readonly hasTransactions = true;
  readonly isWhole = false;
  readonly hasAnonymousHistories = true;
  readonly lossLasts = VERIFIED_WITHIN;
  readonly #servers: ReadonlyMap<Member, ZooKeeperServer>;
  #leader: Member | undefined;
  #oldUntil = -Infinity;

  constructor(private readonly cluster: Cluster) {
    const { members, features: { localSessions } } = cluster;
    const agree = () => {
      cluster.keyspace.pass();
      cluster.advance();
    };
    this.#servers = new Map(members.map((member) => [
      member,
      new ZooKeeperServer(member, localSessions ? undefined : agree),
    ]));
    this.#lead(members[0]);
    Object.assign(Deno, {
      connect: ({ hostname, port }: Deno.ConnectOptions) => {
        const { link, member } = placeOf(`${hostname}:${port}`);
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

  numberOf(revision: number): number {
    return zxidOf(this.cluster.keyspace, revision);
  }

  /** Who leads is never alone: all others take part. */
  elect(): void {
    const { members, keyspace } = this.cluster;
    const others = members.filter((one) =>
      one !== this.#leader && one.isUp && one.hasQuorum
    );
    if (others.length === 0) return;
    this.#lead(others[0]);
    keyspace.beginTerm();
    for (const member of members) {
      if (member.hasQuorum) this.#serverOf(member).reset();
    }
    this.cluster.advance();
  }

  /** There is no history. */
  forget(): void {}

  changed(member: Member): void {
    // A single one has nobody to lose.
    if (this.cluster.members.length === 1) {
      member.hasQuorum = true;
      return member.advance();
    }
    const isLost = !member.hasQuorum;
    const server = this.#serverOf(member);
    server.setLost(isLost);
    const leader = this.#leader;
    if (isLost && server.isLeading) {
      this.#oldUntil = performance.now() + SYNC_LIMIT;
    }
    if (!isLost && member !== leader) server.isLeading = false;
    if (!leader?.isUp || !leader.hasQuorum) this.elect();
  }

  restarted(): void {
    const { keyspace, members } = this.cluster;
    keyspace.term = keyspace.termOf(keyspace.revision).term;
    for (const [member, server] of this.#servers) {
      server.setLost(false);
      server.isLeading = member === this.#leader;
    }
    if (members.length > 1) keyspace.beginTerm();
  }

  /** Who leads and has lost the others does not know at once. */
  get mayBeOld(): boolean {
    return performance.now() < this.#oldUntil;
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

  #lead(member: Member | undefined): void {
    const last = this.#leader;
    if (last?.hasQuorum) this.#serverOf(last).isLeading = false;
    this.#leader = member;
    if (member !== undefined) this.#serverOf(member).isLeading = true;
  }
}

/** One member's server. */
class ZooKeeperServer implements Server {
  readonly #sessions = new Set<Session>();
  /** Timers of sessions whose connections are lost. */
  readonly #expiries = new Set<ReturnType<typeof setTimeout>>();
  #losing?: ReturnType<typeof setTimeout>;
  /** Whether it has lost the others, and knows that. */
  #isOut = false;
  /** Whether it leads, or believes so. */
  isLeading = false;

  /** @param agree see {@linkcode Server} */
  constructor(readonly member: Member, readonly agree?: () => void) {}

  /** Connects to it, as `Deno.connect` does. */
  connect(link: Link): Promise<ClientConn> {
    return connect(link, (socket) => {
      const session = new Session(this, link, socket);
      this.#sessions.add(session);
      if (this.#isOut) session.end();
      return session;
    });
  }

  /** To be called when it has lost the others, or has found them: it notices after a while. */
  setLost(isLost: boolean): void {
    clearTimeout(this.#losing);
    this.#isOut = false;
    if (!isLost) return;
    this.#losing = setTimeout(() => {
      this.#isOut = true;
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

  /** To be called when a connection has ended. @param timeout when its session will, too, in ms; undefined: there was none */
  remove(session: Session, timeout: number | undefined): void {
    this.#sessions.delete(session);
    const { agree } = this;
    if (timeout === undefined || agree === undefined) return;
    if (timeout === 0) return agree();
    const timer = setTimeout(() => {
      this.#expiries.delete(timer);
      agree();
    }, timeout);
    this.#expiries.add(timer);
  }

  /** Ends what is under way. */
  close(): void {
    clearTimeout(this.#losing);
    this.reset();
    for (const timer of this.#expiries) clearTimeout(timer);
    this.#expiries.clear();
  }
}
