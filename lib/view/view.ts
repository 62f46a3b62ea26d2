import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { TSchema } from "@sinclair/typebox";
import { messageFrame } from "../broadcast/message.ts";
import type { Source } from "../broadcast/source.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Endpoint, Param } from "./endpoint.ts";
import type { Member } from "../json.ts";
import type { Caller, Right } from "../access/rights.ts";
import { memo } from "../memo.ts";
import type { Vitals } from "../vitals/vitals.ts";
import type { Watcher } from "../watcher/watcher.ts";
import { encode, type ViewService } from "./rpc.ts";

/** What a request asks for. */
export interface Selection {
  /** The keys that start with this, taken literally. */
  readonly prefix: string;
  /** What the caller must be to see it. */
  readonly right: Right;
  /** Leaves out keys under the prefix. A view uses at most one such filter. */
  readonly keep?: (key: string) => boolean;
}

/** A request as a view sees it. */
export interface Query {
  readonly params: URLSearchParams;
  readonly caller: Caller;
  readonly host: Host;
}

/** What views are views of. */
export interface LiveState {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly vitals: Vitals;
}

/** What can be read and followed, in one form. */
export interface Viewable {
  watcher(
    cluster: Cluster,
  ): Pick<Watcher<unknown>, "age" | "isSynced" | "saved" | "synced">;
  /**
   * Makes a request concrete.
   *
   * @throws {Refusal} when it is malformed, or not for this caller
   */
  select(query: Query): Selection;
  source(state: LiveState, selection: Selection): Source;
}

/** A view as gRPC carries it: the states are frames that hold a message. */
export interface RpcView extends Viewable {
  readonly service: ViewService;
}

/** An endpoint under `/v2`: a view of the cluster that can be read and watched. */
export interface View<
  P extends string = string,
  Q extends Readonly<Record<string, Param>> = Readonly<Record<string, Param>>,
  A extends TSchema = TSchema,
> extends Endpoint<P, Q, A>, Viewable {
  readonly answer: A;
  /** Whether every answer is a JSON object. */
  readonly isObject: boolean;
  readonly rpc?: RpcView;
}

/** What values add to an answer, in key order. */
type Pieces<P> = readonly (readonly [key: string, piece: P])[];

/** What a file in `apis/` declares; T is a value of the watcher, P what one value adds to the answer. */
export type ViewDeclaration<T extends object, P, R extends DescMessage> =
  & {
    readonly watcher: (cluster: Cluster) => Watcher<T>;
    readonly select: (query: Query) => Selection;
    /** What one value adds to the answer. Made once for each value and kept as long as that. */
    readonly piece: (value: T, host: Host, key: string) => P;
    readonly rpc?: RpcDeclaration<T, P, R>;
  }
  & ({
    /**
     * The members of an answer that is an object, in any order. Those that are
     * the same objects as the last time are not encoded again.
     *
     * @throws {Unavailable} when there is no answer in this state
     */
    readonly members: (pieces: Pieces<P>) => readonly Member[];
  } | {
    /** Any other answer, as JSON text. */
    readonly text: (pieces: Pieces<P>) => string;
  });

/** How a view is asked and answered by gRPC: R is the service's reply. */
export type RpcDeclaration<T extends object, P, R extends DescMessage> =
  & {
    readonly service: ViewService<R>;
  }
  & ({
    /**
     * What one value adds to the reply, made once for each value: lists are
     * joined, and of equal keys of a map the last one counts, as when messages
     * are merged.
     *
     * @see https://protobuf.dev/programming-guides/encoding/#last-one-wins
     */
    readonly part: (value: T, host: Host, key: string) => MessageInitShape<R>;
  } | {
    /**
     * The reply, where all pieces together decide it.
     *
     * @throws {Unavailable} when there is none in this state
     */
    readonly whole: (pieces: Pieces<P>) => MessageInitShape<R>;
  });

/** Makes a view of its declaration. */
export function view<
  const N extends string,
  const Q extends Readonly<Record<string, Param>>,
  A extends TSchema,
  T extends object,
  P,
  R extends DescMessage,
>(
  declaration:
    & Endpoint<N, Q, A>
    & { readonly answer: A }
    & ViewDeclaration<T, P, R>,
): View<N, Q, A> {
  const { paths, summary, params, watcher, select, piece, rpc } = declaration;
  const isObject = "members" in declaration;
  const join = isObject ? declaration.members : declaration.text;
  // With its key, as no value is under two: so an entry can be a member that is known.
  const entries = perValue((key, value: T, host) =>
    [key, piece(value, host, key)] as const
  );

  /** A source whose states are joined from what is made of each value. */
  const sourceOf = <E>(
    form: string,
    make: (host: Host) => (key: string, value: T) => E,
    join: (made: readonly E[]) => ReturnType<Source["render"]>,
  ): Viewable["source"] =>
  ({ cluster, host }, { prefix, keep }) => {
    const source = watcher(cluster);
    const makeOne = make(host);
    const selects = (key: string) =>
      key.startsWith(prefix) && (keep === undefined || keep(key));
    return {
      id: `${form} ${keep === undefined ? "all" : "some"} ${prefix}`,
      watcher: source,
      render() {
        const made: E[] = [];
        for (const [key, value] of source.entries(prefix)) {
          if (selects(key)) made.push(makeOne(key, value));
        }
        return join(made);
      },
      subscribe: (onChange) =>
        source.subscribe((changes) => {
          const seen = changes.filter(({ key }) => selects(key));
          if (seen.length === 0) return;
          const written = seen.some(({ value }) => value !== undefined);
          onChange(written ? "update" : "delete");
        }),
    };
  };

  const rpcSource = (
    declaration: RpcDeclaration<T, P, R>,
  ): Viewable["source"] => {
    const { typeName, method: { get: { output } } } = declaration.service;
    if ("whole" in declaration) {
      const { whole } = declaration;
      return sourceOf(
        typeName,
        entries,
        (pieces) => messageFrame([encode(output, whole(pieces))]),
      );
    }
    const { part } = declaration;
    const parts = perValue((key, value: T, host) =>
      encode(output, part(value, host, key))
    );
    return sourceOf(typeName, parts, messageFrame);
  };

  return {
    paths,
    summary,
    params,
    answer: declaration.answer,
    isObject,
    watcher,
    select,
    source: sourceOf(paths[0], entries, join),
    rpc: rpc &&
      { service: rpc.service, watcher, select, source: rpcSource(rpc) },
  };
}

/** What is made of a value for a host, once and kept for as long as the value. */
function perValue<T extends object, V extends object>(
  make: (key: string, value: T, host: Host) => V,
): (host: Host) => (key: string, value: T) => V {
  const hosts = new WeakMap<Host, WeakMap<T, V>>();
  return (host) => {
    const made = memo(hosts, host, () => new WeakMap<T, V>());
    // Not by memo, which would need a closure for each value of each state.
    return (key, value) => {
      const known = made.get(value);
      if (known !== undefined) return known;
      const fresh = make(key, value, host);
      made.set(value, fresh);
      return fresh;
    };
  };
}

/** The members of views whose pieces are members. */
export function flat(pieces: Pieces<readonly Member[]>): Member[] {
  return pieces.flatMap(([, members]) => members);
}
