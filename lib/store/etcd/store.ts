import { getLogger } from "@logtape/logtape";
import { AccessDenied, type ResponseHeader } from "../connection.ts";
import { Endpoints } from "../endpoints.ts";
import type { Login, StoreOptions } from "../kind.ts";
import { RemoteStore } from "../remote.ts";
import type { WatchEvent } from "../store.ts";
import type { KeyRevisions } from "../watch.ts";
import { check } from "./check.ts";
import { EtcdConnection } from "./connection.ts";
import {
  Diagnosis,
  explain,
  isEtcd2,
  isInV2,
  probeTls,
  STATE_IN_V2,
} from "./diagnosis.ts";
import { isCompacted } from "./range.ts";
import { SharedToken } from "./token.ts";
import { EtcdWatch, isSameChange } from "./watch.ts";

const log = getLogger(["lainlet", "store"]);

/**
 * The store in etcd's v3 key space. All watches share one connection; on
 * another one each resumes after the last revision that it delivered.
 *
 * @see https://etcd.io/docs/v3.4/learning/api/
 */
export class EtcdStore extends RemoteStore<EtcdConnection, EtcdWatch> {
  protected readonly endpoints: Endpoints<EtcdConnection>;
  readonly #login: Login;
  /** Whether the v3 key space is empty, and the v2 key space is not. */
  #isStateInV2 = false;

  /** @param endpoints URLs of the members of one cluster, `http://127.0.0.1:2379` */
  constructor(
    endpoints: readonly [string, ...string[]],
    { tls, auth, ...options }: StoreOptions & Login = {},
  ) {
    super(options);
    const login = this.#login = { tls, auth };
    const token = new SharedToken();
    this.endpoints = new Endpoints(endpoints, {
      name: "etcd",
      connect: (endpoint) => new EtcdConnection(endpoint, login, token),
      open: (connection) =>
        connection.open([...this.watches].map(({ prefix }) => prefix)),
      diagnosis: new Diagnosis(
        (error) => explain(error, login),
        async (endpoint) =>
          await probeTls(endpoint, login) ??
            (await isEtcd2(endpoint, login) ? STATE_IN_V2 : undefined),
        (endpoint) => this.endpoints.noteFailure(endpoint, undefined),
      ),
    });
  }

  protected override get problems(): Iterable<string> {
    const { problems } = this.endpoints;
    return this.#isStateInV2 ? [...problems, STATE_IN_V2] : problems;
  }

  protected createWatch(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): EtcdWatch {
    return new EtcdWatch(prefix, controller);
  }

  /** Compares the header, and the checkpoint's key as it was at its revision. */
  protected async isSameHistory(
    watch: EtcdWatch,
    connection: EtcdConnection,
    header: ResponseHeader,
  ): Promise<boolean> {
    const { checkpoint, confirmedRevision, revision } = watch;
    if (!watch.isSameHistory(header)) return false;
    if (confirmedRevision === undefined || !checkpoint) return true;
    try {
      const change = await connection.get(checkpoint.key, revision);
      return isSameChange(change, checkpoint);
    } catch (error) {
      // If history is compacted up to the next revision, a watch would start,
      // and miss what that revision removed.
      if (isCompacted(error)) watch.forget();
      // The watch is refused, too.
      else if (!(error instanceof AccessDenied)) throw error;
      return true;
    }
  }

  protected async check(
    connection: EtcdConnection,
    live: readonly EtcdWatch[],
  ): Promise<EtcdWatch[]> {
    const confirmed = await check(connection, live, this.grace);
    await this.#lookInV2(connection);
    return confirmed;
  }

  protected readInventory(
    connection: EtcdConnection,
    { prefix }: EtcdWatch,
  ): Promise<KeyRevisions> {
    return connection.readKeys(prefix);
  }

  /** Looks for the state in the v2 key space while there is nothing here. */
  async #lookInV2({ endpoint }: EtcdConnection): Promise<void> {
    const watches = [...this.watches];
    const isEmpty = watches.every(({ hasCheckpoint }) => !hasCheckpoint);
    const prefixes = watches.map(({ prefix }) => prefix);
    const isThere = isEmpty && await isInV2(endpoint, this.#login, prefixes);
    if (isThere && !this.#isStateInV2) log.warn(STATE_IN_V2, { endpoint });
    this.#isStateInV2 = isThere;
  }
}
