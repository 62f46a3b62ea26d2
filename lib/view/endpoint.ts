/**
 * What a file in `apis/` declares.
 *
 * @module
 */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Static, TSchema } from "@sinclair/typebox";
import type { Caller, Right } from "../access/rights.ts";
import type { Member } from "../json.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { KeyRange, ViewedWatcher } from "../watcher/entries.ts";
import type { Contribution, Guard } from "./materialized.ts";
import type { ViewService } from "./rpc.ts";

/** A query parameter. */
export interface Param {
  /** One line, including the default. */
  readonly description: string;
  readonly required?: true;
  /** The value for which the endpoint's `example` is the answer. */
  readonly example?: string;
}

/** Who may ask: every caller; an app for its own data; super callers only. */
export type MayAsk = "all" | "app" | "super";

/** The description of an endpoint: the source of `/openapi.json` and of the client's types. */
export interface Endpoint<
  P extends string = string,
  Q extends Readonly<Record<string, Param>> = Readonly<Record<string, Param>>,
  A extends TSchema = TSchema,
> {
  /** All paths of the endpoint, without a trailing slash. */
  readonly paths: readonly [P, ...P[]];
  /** One line; says who may ask unless everyone may. */
  readonly summary: string;
  readonly params: Q;
  /** Who may ask. Only a description: `select` or `respond` enforces it. */
  readonly mayAsk: MayAsk;
  /** The schema of the answer, when that is JSON. */
  readonly answer?: A;
  /** The answer for the cluster of `tests/util/example.ts`. */
  readonly example?: Static<A>;
}

/** A request, as `select` and `respond` see it. */
export interface Query {
  readonly params: URLSearchParams;
  readonly caller: Caller;
  readonly host: Host;
}

/** The data that a request selects. */
export interface Selection extends KeyRange {
  /** The right that the caller needs for as long as it watches. */
  readonly right: Right;
  /** Selects changes since this time, in ms since 1970. */
  readonly since?: number;
}

/** The pieces of all selected values, in key order. */
export type Pieces<P> = readonly (readonly [key: string, piece: P])[];

/**
 * How a view's answer is computed from a watcher's values, which are immutable.
 *
 * T is a value, P its piece, C what a piece contributes to a shared member, R
 * the message of the gRPC reply.
 */
export type ViewDeclaration<T extends object, P, C, R extends DescMessage> =
  & {
    /** Prefix of the ids of its sources; default: its first path. */
    readonly id?: string;
    /** API file that declares it; undefined: it is built in. */
    readonly file?: string;
    /** The watcher whose values the view shows. */
    readonly watcher: (cluster: Cluster) => ViewedWatcher<T>;
    /**
     * Selects the keys of a request.
     *
     * @throws {Refusal} when the request is malformed, or the caller may not make it
     */
    readonly select: (query: Query) => Selection;
    /** What one value contributes to the answer. Computed once per value. */
    readonly piece: (value: T, host: Host, key: string) => P;
  }
  & (
    | MembersDeclaration<T, P, R>
    | ReduceDeclaration<T, P, C, R>
    | TextDeclaration<T, P, R>
  );

/** An answer that is an object, each member of which comes from one value. */
export interface MembersDeclaration<
  T extends object,
  P,
  R extends DescMessage,
> {
  /** The members of a piece. Of members with the same name, that of the last key counts. */
  readonly members: (piece: P) => readonly Member[];
  /** When there is no answer. */
  readonly guard?: Guard<T>;
  readonly rpc?: MessageRpc<T, R>;
}

/** An answer that is an object, the members of which come from several values. */
export interface ReduceDeclaration<
  T extends object,
  P,
  C,
  R extends DescMessage,
> {
  /** What a piece contributes to members, by their names. */
  readonly contributions: (piece: P) => Contribution<C>;
  /** Makes the JSON text of a member from its contributions, in key order; undefined leaves the member out. */
  readonly reduce: (
    contributions: readonly C[],
    name: string,
  ) => string | undefined;
  /** When there is no answer. */
  readonly guard?: Guard<T>;
  readonly rpc?: {
    readonly service: ViewService<R>;
    /** Makes the part of the reply that corresponds to a member. */
    readonly reduce: (
      name: string,
      contributions: readonly C[],
    ) => MessageInitShape<R>;
  };
}

/** An answer that is not an object. It is computed from all pieces at each change. */
export interface TextDeclaration<T extends object, P, R extends DescMessage> {
  /** Makes the JSON text of the answer. */
  readonly text: (pieces: Pieces<P>) => string;
  readonly rpc?: MessageRpc<T, R> | {
    readonly service: ViewService<R>;
    /** Makes the reply from all pieces at each change. */
    readonly reply: (pieces: Pieces<P>) => MessageInitShape<R>;
  };
}

/** A gRPC service whose reply is merged from a message per value. */
export interface MessageRpc<T extends object, R extends DescMessage> {
  readonly service: ViewService<R>;
  /**
   * What one value contributes to the reply. Computed once per value. The
   * messages are merged in key order: lists are concatenated, and of equal map
   * keys the last one counts.
   *
   * @see https://protobuf.dev/programming-guides/encoding/#last-one-wins
   */
  readonly message: (value: T, host: Host, key: string) => MessageInitShape<R>;
}
