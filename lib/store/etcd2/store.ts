import { AccessDenied, type ResponseHeader } from "../connection.ts";
import { Endpoints } from "../endpoints.ts";
import { Diagnosis, explain, probeTls } from "../etcd/diagnosis.ts";
import type { Login, StoreOptions } from "../kind.ts";
import { RemoteStore } from "../remote.ts";
import type { WatchEvent } from "../store.ts";
import type { KeyRevisions } from "../watch.ts";
import { check, isSameHistory } from "./check.ts";
import { Etcd2Connection } from "./connection.ts";
import { Etcd2Watch } from "./watch.ts";

/**
 * The store in etcd's v2 key space, which is all that etcd 2 has, and which
 * etcd 3 up to 3.5 has with `--enable-v2`. Each prefix is listed, and then
 * polled for what happens after that. All requests go to one endpoint at a
 * time.
 *
 * @see https://etcd.io/docs/v2.3/api/
 */
export class Etcd2Store extends RemoteStore<Etcd2Connection, Etcd2Watch> {
  protected readonly endpoints: Endpoints<Etcd2Connection>;

  /** @param endpoints URLs of the members of one cluster, `http://127.0.0.1:2379` */
  constructor(
    endpoints: readonly [string, ...string[]],
    { tls, auth, ...options }: StoreOptions & Login = {},
  ) {
    super(options);
    const login = { tls, auth };
    this.endpoints = new Endpoints(endpoints, {
      name: "etcd",
      connect: (endpoint) => new Etcd2Connection(endpoint, login),
      // A key that exists: the response for a missing one has fewer headers.
      open: (connection) =>
        connection.open(
          [...this.watches].map(({ checkpoint, prefix }) =>
            checkpoint?.key ?? prefix
          ),
        ),
      diagnosis: new Diagnosis(
        (error) => explain(error, login),
        (endpoint) => probeTls(endpoint, login),
        (endpoint) => this.endpoints.noteFailure(endpoint, undefined),
      ),
    });
  }

  protected createWatch(
    prefix: string,
    controller: ReadableStreamDefaultController<WatchEvent>,
  ): Etcd2Watch {
    return new Etcd2Watch(prefix, controller);
  }

  protected async isSameHistory(
    watch: Etcd2Watch,
    connection: Etcd2Connection,
    header: ResponseHeader,
  ): Promise<boolean> {
    try {
      return await isSameHistory(watch, connection, header, this.grace);
    } catch (error) {
      // The watch is refused, too.
      if (error instanceof AccessDenied) return true;
      throw error;
    }
  }

  protected check(
    connection: Etcd2Connection,
    live: readonly Etcd2Watch[],
  ): Promise<Etcd2Watch[]> {
    return check(connection, live, this.grace);
  }

  protected async readInventory(
    connection: Etcd2Connection,
    watch: Etcd2Watch,
  ): Promise<KeyRevisions> {
    const { header, versions } = await connection.listVersions(watch.prefix);
    return { revision: header.revision, keys: watch.revisionsOf(versions) };
  }
}
