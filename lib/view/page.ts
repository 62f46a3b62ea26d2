import type { Answer, Ask } from "../http/answer.ts";
import type { Broadcast } from "../broadcast/broadcast.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Counters } from "../vitals/counters.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Limits } from "../http/limits.ts";
import type { Rights } from "../access/rights.ts";
import type { Store } from "../store/store.ts";
import type { Metrics } from "../vitals/metrics.ts";
import type { Query, View } from "./view.ts";
import type { Vitals } from "../vitals/vitals.ts";
import type { Watcher } from "../watcher/watcher.ts";

/** A running lainlet, as its pages see it. */
export interface Service {
  readonly broadcast: Broadcast;
  readonly cluster: Cluster;
  readonly counters: Counters;
  /** All that can be asked. */
  readonly endpoints: readonly (View | Page)[];
  readonly host: Host;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly rights: Rights;
  readonly store: Store;
  readonly version: string;
  readonly vitals: Vitals;
  /** The age from which on the state counts as stale, in ms. */
  readonly staleAfter: number;
}

/** An endpoint outside `/v2`: an answer of its own kind, which cannot be watched. */
export interface Page extends Endpoint {
  /** Of the answer, without parameters. */
  readonly mediaType: string;
  /** What the answer rests on, when that is the cluster's state. */
  watcher?(cluster: Cluster): Pick<Watcher<unknown>, "age">;
  /**
   * @throws {Refusal} when the request is malformed, or not for this caller
   * @throws {Unavailable} when there is no answer yet
   */
  respond(service: Service, query: Query, ask: Ask): Answer | Promise<Answer>;
}
