import type { Cluster, Host } from "./cluster.ts";
import { type Member, object } from "./json.ts";
import type { Caller, Right } from "./rights.ts";
import type { Watcher } from "./watcher/watcher.ts";

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

/** Whether what changed was written, or only removed. */
export type ChangeKind = "update" | "delete";

/** A view of the cluster for one selection: equal ids are equal answers. */
export interface Source {
  readonly id: string;
  readonly watcher: Pick<Watcher<unknown>, "receivers">;
  /**
   * The answer as JSON text.
   *
   * @throws {Unavailable} when there is none in the present state
   */
  render(): string;
  /** Calls back when something under the prefix changed. @returns ends that */
  subscribe(onChange: (kind: ChangeKind) => void): () => void;
}

/** An endpoint under `/v2`: a view of the cluster that can be read and watched. */
export interface View {
  readonly paths: readonly string[];
  watcher(
    cluster: Cluster,
  ): Pick<Watcher<unknown>, "age" | "isSynced" | "synced">;
  /**
   * Makes a request concrete.
   *
   * @throws {Refusal} when it is malformed, or not for this caller
   */
  select(query: Query): Selection;
  source(cluster: Cluster, host: Host, selection: Selection): Source;
}

/** What a file in `apis/` declares; T is a value of the watcher, P what one value adds to the answer. */
export interface ViewDeclaration<T extends object, P> {
  /** Every spelling of the path, without a trailing slash. */
  readonly paths: readonly string[];
  readonly watcher: (cluster: Cluster) => Watcher<T>;
  readonly select: (query: Query) => Selection;
  /** What one value adds to the answer. Made once for each value and kept as long as that. */
  readonly piece: (value: T, host: Host) => P;
  /**
   * The answer as JSON text, from the pieces in key order.
   *
   * @throws {Unavailable} when there is none in this state
   */
  readonly answer: (
    pieces: readonly (readonly [key: string, piece: P])[],
  ) => string;
}

/** Makes a view of its declaration. */
export function view<T extends object, P>(
  declaration: ViewDeclaration<T, P>,
): View {
  const { paths, watcher, select, piece, answer } = declaration;
  const pieces = new WeakMap<Host, WeakMap<T, P>>();

  return {
    paths,
    watcher,
    select,
    source(cluster, host, { prefix, keep }) {
      const source = watcher(cluster);
      const made = pieces.get(host) ?? new WeakMap<T, P>();
      pieces.set(host, made);
      const pieceOf = (value: T): P => {
        const known = made.get(value);
        if (known !== undefined) return known;
        const fresh = piece(value, host);
        made.set(value, fresh);
        return fresh;
      };
      const selects = (key: string) =>
        key.startsWith(prefix) && (keep === undefined || keep(key));
      return {
        id: `${paths[0]} ${keep === undefined ? "all" : "some"} ${prefix}`,
        watcher: source,
        render() {
          const selected: [string, P][] = [];
          for (const [key, value] of source.entries(prefix)) {
            if (selects(key)) selected.push([key, pieceOf(value)]);
          }
          return answer(selected);
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

/** The answer of views whose pieces are the members of one object. */
export function members(
  pieces: readonly (readonly [key: string, piece: readonly Member[]])[],
): string {
  return object(pieces.flatMap(([, piece]) => piece));
}
