import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { TSchema } from "@sinclair/typebox";
import type { Rights } from "../access/rights.ts";
import { type Blocks, fragment, memberFragment } from "../broadcast/blocks.ts";
import { State } from "../broadcast/state.ts";
import type { StateSource } from "../broadcast/topics.ts";
import type { Member } from "../json.ts";
import { memo } from "../memo.ts";
import type { ChangeLog } from "../overview/change_log.ts";
import type { Counters } from "../stats/counters.ts";
import type { MetricsInput, RuntimeStats } from "../stats/stats.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import { type Entries, entriesIn } from "../watcher/entries.ts";
import type { Watcher } from "../watcher/watcher.ts";
import type {
  Endpoint,
  Param,
  Pieces,
  Query,
  Selection,
  ViewDeclaration,
} from "./endpoint.ts";
import {
  fragmentReducer,
  materialized,
  objectState,
  recomputed,
} from "./materialized.ts";
import { encode, type Framing, type ViewService } from "./rpc.ts";

/** The parts of a lainlet that views are computed from. */
export interface ViewContext {
  readonly cluster: Cluster;
  readonly counters: Pick<Counters, "slots">;
  readonly limits: Pick<MetricsInput["limits"], "open">;
  readonly rights: Pick<Rights, "appOf">;
  readonly changeLog: ChangeLog;
  readonly host: Host;
  readonly stats: RuntimeStats;
}

/** A view in one encoding. */
export interface ViewDefinition {
  /** The watcher that says whether the view can be read, and how fresh it is. */
  watcher(cluster: Cluster): Pick<
    Watcher<unknown>,
    "age" | "isSynced" | "progress" | "saved"
  >;
  /**
   * Selects the data of a request.
   *
   * @throws {Refusal} when the request is malformed, or the caller may not make it
   */
  select(query: Query): Selection;
  /** The source of the selected data's states. */
  source(context: ViewContext, selection: Selection): StateSource;
}

/** A view as gRPC serves it. */
export interface RpcView {
  readonly service: ViewService;
  /** The view whose states are messages, framed for the wire. */
  framedBy(framing: Framing): ViewDefinition;
}

/** An endpoint under `/v2`: a view of the cluster that can be read and watched. */
export interface View<
  P extends string = string,
  Q extends Readonly<Record<string, Param>> = Readonly<Record<string, Param>>,
  A extends TSchema = TSchema,
> extends Endpoint<P, Q, A>, ViewDefinition {
  readonly answer: A;
  /** API file that declares it, which may change; undefined: it is built in. */
  readonly file?: string;
  /** Whether every answer is a JSON object. */
  readonly isObject: boolean;
  readonly rpc?: RpcView;
}

/** Makes a view from its declaration. */
export function view<
  const N extends string,
  const Q extends Readonly<Record<string, Param>>,
  A extends TSchema,
  T extends object,
  P,
  C,
  R extends DescMessage,
>(
  declaration:
    & Endpoint<N, Q, A>
    & { readonly answer: A }
    & ViewDeclaration<T, P, C, R>,
): View<N, Q, A> {
  const { paths, summary, params, mayAsk, answer, example } = declaration;
  const { watcher, select, rpc, file, id = paths[0] } = declaration;
  const pieceOf = memoByValue((key, value: T, host) =>
    declaration.piece(value, host, key)
  );
  const encodedBy = (name: string, makeSource: MakeSource<T>) => ({
    watcher,
    select,
    source: ({ cluster, host }: ViewContext, selection: Selection) =>
      makeSource(
        sourceId(name, selection),
        entriesIn(watcher(cluster), selection),
        host,
      ),
  });
  return {
    paths,
    summary,
    params,
    mayAsk,
    answer,
    example,
    file,
    isObject: !("text" in declaration),
    ...encodedBy(id, jsonSource(declaration, pieceOf)),
    rpc: rpc && {
      service: rpc.service,
      framedBy: (framing) =>
        encodedBy(
          rpc.service.typeName,
          messageSource(declaration, pieceOf, framing),
        ),
    },
  };
}

/** Makes the source of a view's states from the selected entries. */
type MakeSource<T> = (
  id: string,
  entries: Entries<T>,
  host: Host,
) => StateSource;

/** Computes something from each value, once per value and host. */
type Memoised<T, V> = (host: Host) => (key: string, value: T) => V;

/** States that are JSON text. */
function jsonSource<T extends object, P, C, R extends DescMessage>(
  declaration: ViewDeclaration<T, P, C, R>,
  pieceOf: Memoised<T, P>,
): MakeSource<T> {
  if ("text" in declaration) {
    const { text } = declaration;
    return recomputedFrom(pieceOf, (pieces) => State.of(text(pieces)));
  }
  const { guard } = declaration;
  if ("members" in declaration) {
    const { members, piece } = declaration;
    // Only the encoded members are kept, not the piece with their text.
    const fragments = memoByValue((key, value: T, host) =>
      members(piece(value, host, key)).map(memberFragment)
    );
    return (id, entries, host) =>
      materialized(
        id,
        entries,
        fragmentReducer(fragments(host), objectState, guard),
      );
  }
  const { contributions, reduce } = declaration;
  return (id, entries, host) => {
    const piece = pieceOf(host);
    return materialized(id, entries, {
      contributions: (key, value) => contributions(piece(key, value)),
      reduce(name, all: readonly C[]) {
        const json = reduce(all, name);
        return json === undefined ? undefined : memberFragment([name, json]);
      },
      state: objectState,
      guard,
    });
  };
}

/** States that are messages. */
function messageSource<T extends object, P, C, R extends DescMessage>(
  declaration: ViewDeclaration<T, P, C, R>,
  pieceOf: Memoised<T, P>,
  framing: Framing,
): MakeSource<T> {
  const { rpc } = declaration;
  if (rpc === undefined) throw new TypeError("the view has no service");
  const { output } = rpc.service.method.get;
  const encoded = (message: MessageInitShape<R>) => encode(output, message);
  const state = (fragments: Blocks) =>
    new State(
      fragments,
      (blocks) => framing(Array.from(blocks, ({ bytes }) => bytes)),
    );
  if ("reply" in rpc) {
    return recomputedFrom(
      pieceOf,
      (pieces) => State.of(framing([encoded(rpc.reply(pieces))])),
    );
  }
  const guard = "text" in declaration ? undefined : declaration.guard;
  if ("message" in rpc) {
    const fragments = memoByValue((key, value: T, host) => {
      const bytes = encoded(rpc.message(value, host, key));
      return bytes.length === 0 ? [] : [fragment(key, bytes)];
    });
    return (id, entries, host) =>
      materialized(id, entries, fragmentReducer(fragments(host), state, guard));
  }
  if (!("contributions" in declaration)) {
    throw new TypeError("the view has nothing to reduce");
  }
  const { contributions } = declaration;
  return (id, entries, host) => {
    const piece = pieceOf(host);
    return materialized(id, entries, {
      contributions: (key, value) => contributions(piece(key, value)),
      reduce: (name, all: readonly C[]) =>
        fragment(name, encoded(rpc.reduce(name, all))),
      state,
      guard,
    });
  };
}

function recomputedFrom<T extends object, P>(
  pieceOf: Memoised<T, P>,
  compute: (pieces: Pieces<P>) => State,
): MakeSource<T> {
  return (id, entries, host) => {
    const piece = pieceOf(host);
    return recomputed(
      id,
      entries,
      (all) =>
        compute(Array.from(all, ([key, value]) => [key, piece(key, value)])),
    );
  };
}

function sourceId(name: string, { prefix, filter }: Selection): string {
  return `${name} ${filter === undefined ? "all" : "some"} ${prefix}`;
}

function memoByValue<T extends object, V>(
  compute: (key: string, value: T, host: Host) => V,
): Memoised<T, V> {
  const hosts = new WeakMap<Host, WeakMap<T, V>>();
  return (host) => {
    const computed = memo(hosts, host, () => new WeakMap<T, V>());
    // Not `memo`, which would need a closure for each value of each state.
    return (key, value) => {
      const known = computed.get(value);
      if (known !== undefined) return known;
      const result = compute(key, value, host);
      computed.set(value, result);
      return result;
    };
  };
}

/** `members` of views whose pieces are members already. */
export function flat(members: readonly Member[]): readonly Member[] {
  return members;
}
