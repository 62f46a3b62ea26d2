import type { TSchema } from "@sinclair/typebox";
import type { Source } from "../broadcast/source.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Endpoint, Param } from "./endpoint.ts";
import type { Member } from "../json.ts";
import type { Caller, Right } from "../access/rights.ts";
import type { Vitals } from "../vitals/vitals.ts";
import type { Watcher } from "../watcher/watcher.ts";

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

/** An endpoint under `/v2`: a view of the cluster that can be read and watched. */
export interface View<
  P extends string = string,
  Q extends Readonly<Record<string, Param>> = Readonly<Record<string, Param>>,
  A extends TSchema = TSchema,
> extends Endpoint<P, Q, A> {
  readonly answer: A;
  /** Whether every answer is a JSON object. */
  readonly isObject: boolean;
  watcher(
    cluster: Cluster,
  ): Pick<Watcher<unknown>, "age" | "isSynced" | "synced">;
  /**
   * Makes a request concrete.
   *
   * @throws {Refusal} when it is malformed, or not for this caller
   */
  select(query: Query): Selection;
  source(state: LiveState, selection: Selection): Source;
}

/** What values add to an answer, in key order. */
type Pieces<P> = readonly (readonly [key: string, piece: P])[];

/** What a file in `apis/` declares; T is a value of the watcher, P what one value adds to the answer. */
export type ViewDeclaration<T extends object, P> =
  & {
    readonly watcher: (cluster: Cluster) => Watcher<T>;
    readonly select: (query: Query) => Selection;
    /** What one value adds to the answer. Made once for each value and kept as long as that. */
    readonly piece: (value: T, host: Host, key: string) => P;
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

/** Makes a view of its declaration. */
export function view<
  const N extends string,
  const Q extends Readonly<Record<string, Param>>,
  A extends TSchema,
  T extends object,
  P,
>(
  declaration:
    & Endpoint<N, Q, A>
    & { readonly answer: A }
    & ViewDeclaration<T, P>,
): View<N, Q, A> {
  const { paths, summary, params, watcher, select, piece } = declaration;
  const isObject = "members" in declaration;
  const join = isObject ? declaration.members : declaration.text;
  // With its key, as no value is under two: so an entry can be a member that is known.
  const entries = new WeakMap<Host, WeakMap<T, readonly [string, P]>>();

  return {
    paths,
    summary,
    params,
    answer: declaration.answer,
    isObject,
    watcher,
    select,
    source({ cluster, host }, { prefix, keep }) {
      const source = watcher(cluster);
      const made = entries.get(host) ?? new WeakMap<T, readonly [string, P]>();
      entries.set(host, made);
      const entryOf = (key: string, value: T): readonly [string, P] => {
        const known = made.get(value);
        if (known !== undefined) return known;
        const fresh = [key, piece(value, host, key)] as const;
        made.set(value, fresh);
        return fresh;
      };
      const selects = (key: string) =>
        key.startsWith(prefix) && (keep === undefined || keep(key));
      return {
        id: `${paths[0]} ${keep === undefined ? "all" : "some"} ${prefix}`,
        watcher: source,
        render() {
          const selected: (readonly [string, P])[] = [];
          for (const [key, value] of source.entries(prefix)) {
            if (selects(key)) selected.push(entryOf(key, value));
          }
          return join(selected);
        },
        subscribe: (onChange) =>
          source.subscribe((changes) => {
            const seen = changes.filter(({ key }) => selects(key));
            if (seen.length === 0) return;
            const written = seen.some(({ value }) => value !== undefined);
            onChange(written ? "update" : "delete");
          }),
      };
    },
  };
}

/** The members of views whose pieces are members. */
export function flat(pieces: Pieces<readonly Member[]>): Member[] {
  return pieces.flatMap(([, members]) => members);
}
