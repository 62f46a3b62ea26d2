import { getLogger } from "@logtape/logtape";
import { sleep } from "../../time.ts";
import { check, Missed } from "./check.ts";
import { EtcdConnection, type Head } from "./connection.ts";
import { isCompacted, isRefusal, type Keys, rangeOf } from "./range.ts";
import { SharedToken } from "./token.ts";
import { EtcdWatch, isSameChange } from "./watch.ts";
import {
  Diagnosis,
  explain,
  IN_V2,
  isEtcd2,
  isInV2,
  lookByTls,
} from "./diagnosis.ts";
import { type Dialed, Endpoints, type Use } from "../endpoints.ts";
import type { Login } from "../kind.ts";
import { FollowedStore, type StoreOptions } from "../remote.ts";
import type { WatchEvent } from "../store.ts";

const log = getLogger(["lainlet", "etcd"]);

/** How long to wait before etcd is asked again for a subtree that it refused, in ms. */
const REFUSED_RETRY = 5_000;

/**
 * The state in etcd v3. All watches share one connection to one endpoint at
 * a time; when that fails, or a check finds that it is not served as it
 * should be, another one is made, and every watch resumes there after what it
 * delivered. Connected while there are watches.
 *
 * @see https://etcd.io/docs/v3.4/learning/api/
 */
export class EtcdStore
  extends FollowedStore<EtcdConnection, Head, EtcdWatch, Keys> {
  protected readonly endpoints: Endpoints<EtcdConnection, Head>;
  readonly #login: Login;
  readonly #token = new SharedToken();
  readonly #diagnosis = new Diagnosis(
    (error) => explain(error, this.#login),
    (endpoint) => this.#look(endpoint),
    (endpoint) => this.endpoints.note(endpoint, undefined),
  );
  /** Whether nothing is here, and something in the v2 key space. */
  #isElsewhere = false;

  /** @param endpoints URLs, `http://127.0.0.1:2379`; a single cluster's members */
  constructor(
    endpoints: readonly [string, ...string[]],
    { tls, auth, ...options }: StoreOptions & Login = {},
  ) {
    super(options);
    this.#login = { tls, auth };
    this.endpoints = new Endpoints(endpoints, {
      name: "etcd",
      connect: (endpoint) =>
        new EtcdConnection(endpoint, this.#login, this.#token),
      open: (connection) =>
        connection.open([...this.watches].map(({ prefix }) => prefix)),
      explain: (endpoint, error) => this.#diagnosis.of(endpoint, error),
    });
  }

  protected override get problems(): Iterable<string> {
    const { problems } = this.endpoints;
    return this.#isElsewhere ? [...problems, IN_V2] : problems;
  }

  protected begin(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): EtcdWatch {
    return new EtcdWatch(prefix, controller);
  }

  protected leave(watch: EtcdWatch): void {
    watch.stop?.();
  }

  protected follow(watch: EtcdWatch, connection: EtcdConnection): void {
    this.#resume(watch, connection);
  }

  protected async serve(
    { connection, head }: Dialed<EtcdConnection, Head>,
    use: Use,
  ): Promise<void> {
    try {
      await this.#resumeAll(connection, head);
    } catch (error) {
      return connection.fail(error);
    }
    if (connection.signal.aborted) return;
    use.resumed();
    this.#diagnosis.clear();
    const { endpoint } = connection;
    log.info("etcd is connected", { endpoint, revision: head.revision });
    this.keepChecking(connection, use);
  }

  /** Brings all watches up on a new connection. */
  async #resumeAll(connection: EtcdConnection, head: Head): Promise<void> {
    const watches = [...this.watches];
    const known = await Promise.all(
      watches.map((watch) => isOfHistory(watch, connection, head)),
    );
    const isOther = known.includes(false);
    this.enterHistory(connection, head.revision, isOther);
    await Promise.all(
      [...this.watches].map((watch) => this.#resume(watch, connection, head)),
    );
  }

  /**
   * Brings a watch up on a connection; a failure that is not the watch's own
   * ends the connection.
   *
   * @param head where history stood; without, everything is read anew
   */
  async #resume(
    watch: EtcdWatch,
    connection: EtcdConnection,
    head?: Head,
  ): Promise<void> {
    const { prefix } = watch;
    const isCurrent = () =>
      !connection.signal.aborted && this.watches.has(watch);
    const refused = async (error: Error) => {
      watch.problem = `${prefix}: ${error.message}`;
      log.error("etcd does not serve a subtree, retrying", {
        prefix,
        error: error.message,
      });
      await sleep(REFUSED_RETRY, connection.signal);
      if (isCurrent()) this.#resume(watch, connection);
    };
    try {
      if (head === undefined || watch.proven === undefined) {
        const at = performance.now();
        const history = head ?? await connection.head(prefix);
        const snapshot = await connection.read(prefix);
        if (!isCurrent()) return;
        await watch.reset({ ...snapshot, history: this.history }, history);
        if (!isCurrent()) return;
        this.confirm(prefix, at);
      }
      watch.problem = undefined;
      watch.isLive = true;
      watch.stop = await connection.watch(
        rangeOf(prefix),
        (watch.proven ?? 0) + 1,
        {
          batch: (batch) => {
            if (!isCurrent() || watch.take(batch)) return;
            this.lose(connection, new Missed(watch, batch.revision));
          },
          lost: (reason) => {
            watch.isLive = false;
            if (!isCurrent()) return;
            if (reason === "compacted") this.#resume(watch, connection);
            else if (isRefusal(reason)) refused(reason);
            else connection.fail(reason);
          },
        },
      );
      if (!isCurrent()) watch.stop();
    } catch (error) {
      if (isRefusal(error)) refused(error);
      else connection.fail(error);
    }
  }

  protected async check(
    connection: EtcdConnection,
    live: readonly EtcdWatch[],
  ): Promise<EtcdWatch[]> {
    const proven = await check(connection, live, this.grace);
    await this.#seek(connection);
    return proven;
  }

  protected readInventory(
    connection: EtcdConnection,
    { prefix }: EtcdWatch,
  ): Promise<Keys> {
    return connection.readKeys(prefix);
  }

  /** Why there is no gRPC at an endpoint, if that can be found out. */
  async #look(endpoint: string): Promise<string | undefined> {
    const login = this.#login;
    return await lookByTls(endpoint, login) ??
      (await isEtcd2(endpoint, login) ? IN_V2 : undefined);
  }

  /** Looks for the state in the v2 key space while nothing is here. */
  async #seek({ endpoint }: EtcdConnection): Promise<void> {
    const watches = [...this.watches];
    const isEmpty = watches.every(({ landmark }) => landmark === undefined);
    const prefixes = watches.map(({ prefix }) => prefix);
    const isElsewhere = isEmpty &&
      await isInV2(endpoint, this.#login, prefixes);
    if (isElsewhere && !this.#isElsewhere) log.warn(IN_V2, { endpoint });
    this.#isElsewhere = isElsewhere;
  }

  protected override lose(connection: EtcdConnection, error: unknown): void {
    if (connection.signal.aborted) return;
    if (error instanceof Missed) {
      this.missed++;
      log.error("a watch missed a change, reading anew", {
        prefix: error.watch.prefix,
        revision: error.revision,
        endpoint: connection.endpoint,
      });
      error.watch.forget();
    }
    connection.fail(error);
  }
}

/**
 * Whether etcd has the history that a watch was delivered from. Reads one
 * key, as it was when the last change was delivered.
 */
async function isOfHistory(
  watch: EtcdWatch,
  connection: EtcdConnection,
  head: Head,
): Promise<boolean> {
  const { landmark, proven, revision } = watch;
  if (!watch.isOf(head)) return false;
  if (proven === undefined || landmark === undefined) return true;
  try {
    return isSameChange(await connection.get(landmark.key, revision), landmark);
  } catch (error) {
    // Where history is compacted up to the next revision, a watch would begin,
    // and miss what that removed.
    if (isCompacted(error)) watch.forget();
    // A refusal the watch finds out, too.
    else if (!isRefusal(error)) throw error;
    return true;
  }
}
