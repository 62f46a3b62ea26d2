import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Contribution, Guard } from "./materialized.ts";
import type { Member } from "../json.ts";
import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Watcher } from "../watcher/watcher.ts";
import type { ViewService } from "./rpc.ts";
import type { Query, Selection } from "./query.ts";

/** What values add to an answer, in key order. */
export type Pieces<P> = readonly (readonly [key: string, piece: P])[];

/**
 * What a file in `apis/` declares; T is a value of the watcher, P what one
 * value adds to the answer, Q what that adds to one member of it.
 */
export type ViewDeclaration<T extends object, P, Q, R extends DescMessage> =
  & {
    readonly watcher: (cluster: Cluster) => Watcher<T>;
    readonly select: (query: Query) => Selection;
    /** What one value adds to the answer. Made once for each value and kept as long as that. */
    readonly piece: (value: T, host: Host, key: string) => P;
    readonly rpc?: RpcDeclaration<T, P, R>;
  }
  & (ObjectDeclaration<P, Q> | {
    /** An answer that is no object, as JSON text. It is made of all pieces at each change. */
    readonly text: (pieces: Pieces<P>) => string;
  });

/** An answer that is an object, in which a change costs what it changes. */
export type ObjectDeclaration<P, Q> =
  & {
    /** What there is no answer without. */
    readonly guard?: Guard<NoInfer<P>>;
  }
  & ({
    /**
     * The members that one piece adds, the same objects each time. Of equal
     * names the one of the last key counts.
     */
    readonly members: (piece: P) => readonly Member[];
  } | {
    /** What one piece adds to members that several add to, by their names. */
    readonly contributions: (piece: P) => Contribution<Q>;
    /** Such a member's value as JSON text, of its parts in key order. */
    readonly reduce: (parts: readonly Q[]) => string;
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
    readonly message: (
      value: T,
      host: Host,
      key: string,
    ) => MessageInitShape<R>;
  } | {
    /**
     * The reply, where all pieces together decide it: it is made of all of
     * them at each change.
     *
     * @throws {Unavailable} when there is none in this state
     */
    readonly reply: (pieces: Pieces<P>) => MessageInitShape<R>;
  });
