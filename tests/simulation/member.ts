import type { Content, Keyspace } from "./keyspace.ts";

/** How long a member tries to serve a linearizable read, in ms: etcd's request timeout. */
const READ_TIMEOUT = 7_000;

/**
 * A member of a cluster: it applies committed revisions, possibly late, and
 * serves the applied state.
 */
export class Member {
  #applied: number;
  #compacted = 0;
  /** The delay before it applies a revision, in ms. */
  lag = 0;
  /** Whether its process runs. */
  isUp = true;
  /** Whether it reaches a quorum, as linearizable reads and writes need. */
  hasQuorum = true;
  readonly #onApply = new Set<() => void>();

  constructor(
    readonly name: string,
    private readonly cluster: { readonly keyspace: Keyspace },
  ) {
    this.#applied = this.keyspace.revision;
  }

  get keyspace(): Keyspace {
    return this.cluster.keyspace;
  }

  /** The last applied revision. */
  get applied(): number {
    return this.#applied;
  }

  /** The history before this revision is compacted, and so are this revision's deletions. */
  get compacted(): number {
    return this.#compacted;
  }

  /** The applied state, which it serves. */
  get content(): Content {
    return this.keyspace.content(this.#applied);
  }

  /** Applies what is committed, after its lag; to be called after each commit and compaction, and when the member can continue. */
  advance(): void {
    if (!this.isUp || !this.hasQuorum) return;
    if (this.lag === 0) this.apply();
    else setTimeout(() => this.apply(), this.lag);
  }

  /** To be called when another history replaced the cluster's. */
  reset(): void {
    this.#applied = this.keyspace.revision;
    this.#compacted = this.keyspace.compacted;
  }

  /** Calls back after each applied revision. @returns removes the callback */
  onApply(listener: () => void): () => void {
    this.#onApply.add(listener);
    return () => this.#onApply.delete(listener);
  }

  /**
   * Waits until it has applied the revision that is committed now, as for a
   * linearizable read.
   *
   * @throws {Error} on timeout, or when another history replaced this one
   */
  catchUp(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { keyspace } = this;
    const needed = keyspace.revision;
    const end = (settle: () => void) => {
      unsubscribe();
      clearTimeout(timer);
      settle();
    };
    const fail = (message: string) => end(() => reject(new Error(message)));
    const check = () => {
      if (this.keyspace !== keyspace) return fail("etcdserver: server stopped");
      if (this.hasQuorum && this.#applied >= needed) end(resolve);
    };
    const unsubscribe = this.onApply(check);
    const timer = setTimeout(
      () => fail("etcdserver: request timed out"),
      READ_TIMEOUT,
    );
    check();
    return promise;
  }

  /** Applies all commits now, unless it is down or cut off from the others. */
  apply(): void {
    if (!this.isUp || !this.hasQuorum) return;
    this.#applied = this.keyspace.revision;
    for (const listener of [...this.#onApply]) listener();
    this.#compacted = this.keyspace.compacted;
  }
}
