import type { DescMessage } from "@bufbuild/protobuf";
import type { TSchema } from "@sinclair/typebox";
import { fragment, memberFragment } from "../broadcast/blocks.ts";
import type { StateSource } from "../broadcast/topics.ts";
import { State } from "../broadcast/state.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Endpoint, Param } from "./endpoint.ts";
import type { Member } from "../json.ts";
import type { ChangeLog } from "../overview/change_log.ts";
import type { Rights } from "../access/rights.ts";
import { memo } from "../memo.ts";
import type { Counters } from "../stats/counters.ts";
import type { MetricsInput, RuntimeStats } from "../stats/stats.ts";
import type { Watcher } from "../watcher/watcher.ts";
import type { Pieces, RpcDeclaration, ViewDeclaration } from "./declaration.ts";
import type { Query, Selection } from "./query.ts";
import { encode, type Framing, type ViewService } from "./rpc.ts";
import {
  entriesIn,
  groupReducer,
  type Mapped,
  materialized,
  memberReducer,
  messageReducer,
  rebuilt,
} from "./materialized.ts";

/** What views are views of. */
export interface ViewContext {
  readonly cluster: Cluster;
  readonly counters: Pick<Counters, "slots">;
  readonly limits: Pick<MetricsInput["limits"], "open">;
  readonly rights: Pick<Rights, "appOf">;
  readonly changeLog: ChangeLog;
  readonly host: Host;
  readonly stats: RuntimeStats;
}

/** What can be read and followed, in one form. */
export interface ViewDefinition {
  watcher(cluster: Cluster): Pick<
    Watcher<unknown>,
    "age" | "isSynced" | "progress" | "saved"
  >;
  /**
   * Makes a request concrete.
   *
   * @throws {Refusal} when it is malformed, or not for this caller
   */
  select(query: Query): Selection;
  source(state: ViewContext, selection: Selection): StateSource;
}

/** A view as gRPC serves it. */
export interface RpcView {
  readonly service: ViewService;
  /** The view in whose states a message is framed for the wire. */
  framedBy(framing: Framing): ViewDefinition;
}

/** An endpoint under `/v2`: a view of the cluster that can be read and watched. */
export interface View<
  P extends string = string,
  Q extends Readonly<Record<string, Param>> = Readonly<Record<string, Param>>,
  A extends TSchema = TSchema,
> extends Endpoint<P, Q, A>, ViewDefinition {
  readonly answer: A;
  /** Whether every answer is a JSON object. */
  readonly isObject: boolean;
  readonly rpc?: RpcView;
}

const NOTHING: Mapped = { items: [], counts: [] };

/** Makes a view of its declaration. */
export function view<
  const N extends string,
  const Q extends Readonly<Record<string, Param>>,
  A extends TSchema,
  T extends object,
  P,
  M,
  R extends DescMessage,
>(
  declaration:
    & Endpoint<N, Q, A>
    & { readonly answer: A }
    & ViewDeclaration<T, P, M, R>,
): View<N, Q, A> {
  const { paths, summary, params, mayAsk, answer, example } = declaration;
  const { watcher, select, piece, rpc } = declaration;
  const pieceOf = memoByValue((key, value: T, host) => piece(value, host, key));
  const pieces = (
    all: Iterable<readonly [key: string, value: T]>,
    host: Host,
  ): Pieces<P> => {
    const made = pieceOf(host);
    return Array.from(all, ([key, value]) => [key, made(key, value)]);
  };

  /** The text of what a piece adds is not kept beside its bytes. */
  const added = memoByValue((key, value: T, host): Mapped => {
    if (!("members" in declaration)) return NOTHING;
    const { guard, members } = declaration;
    const made = piece(value, host, key);
    return {
      items: members(made).map(memberFragment),
      counts: guard?.counts(made) ?? [],
    };
  });

  const source: ViewDefinition["source"] = ({ cluster, host }, selection) => {
    const id = sourceId(paths[0], selection);
    const feed = entriesIn(watcher(cluster), selection);
    if ("text" in declaration) {
      const { text } = declaration;
      return rebuilt(id, feed, (all) => State.of(text(pieces(all, host))));
    }
    const { guard } = declaration;
    if ("members" in declaration) {
      return materialized(id, feed, memberReducer(added(host), guard?.check));
    }
    const { contributions: parts, reduce: join } = declaration;
    return materialized(
      id,
      feed,
      groupReducer(pieceOf(host), parts, join, guard),
    );
  };

  const rpcSource = (
    declaration: RpcDeclaration<T, P, R>,
    framing: Framing,
  ): ViewDefinition["source"] => {
    const { typeName, method: { get: { output } } } = declaration.service;
    if ("reply" in declaration) {
      const { reply: whole } = declaration;
      return ({ cluster, host }, selection) =>
        rebuilt(
          sourceId(typeName, selection),
          entriesIn(watcher(cluster), selection),
          (all) =>
            State.of(framing([encode(output, whole(pieces(all, host)))])),
        );
    }
    const { message: part } = declaration;
    const itemOf = memoByValue((key, value: T, host) =>
      fragment(key, encode(output, part(value, host, key)))
    );
    return ({ cluster, host }, selection) =>
      materialized(
        sourceId(typeName, selection),
        entriesIn(watcher(cluster), selection),
        messageReducer(itemOf(host), framing),
      );
  };

  return {
    paths,
    summary,
    params,
    mayAsk,
    answer,
    example,
    isObject: !("text" in declaration),
    watcher,
    select,
    source,
    rpc: rpc && {
      service: rpc.service,
      framedBy: (framing) => (
        { watcher, select, source: rpcSource(rpc, framing) }
      ),
    },
  };
}

function sourceId(form: string, { prefix, filter: keep }: Selection): string {
  return `${form} ${keep === undefined ? "all" : "some"} ${prefix}`;
}

/** What is made of a value for a host, once and kept for as long as the value. */
function memoByValue<T extends object, V>(
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
export function flat(members: readonly Member[]): readonly Member[] {
  return members;
}
