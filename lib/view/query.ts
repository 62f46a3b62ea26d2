import type { Caller, Right } from "../access/rights.ts";
import type { Host } from "../watcher/cluster.ts";
import type { KeyRange } from "./materialized.ts";

/** What a request asks for. */
export interface Selection extends KeyRange {
  /** What the caller must be to see it. */
  readonly right: Right;
  /** Of what happened: from then on, in ms since 1970. */
  readonly since?: number;
}

/** A request as a view sees it. */
export interface Query {
  readonly params: URLSearchParams;
  readonly caller: Caller;
  readonly host: Host;
}
