/**
 * What can be asked, as the endpoints declare it. The package of the client has
 * another file in the place of this one, which `deno task pack` makes of the
 * same declarations.
 *
 * @module
 */
import type { Static, TSchema } from "@sinclair/typebox";
import type * as apis from "../../apis/mod.ts";
import type { Endpoint, Param } from "../view/endpoint.ts";
import type { View } from "../view/view.ts";

type Declared = typeof apis[keyof typeof apis];
type NameOf<P> = P extends `/v2/${infer N}` ? N : P;
type NamesOf<E> = E extends Endpoint ? NameOf<E["paths"][number]> : never;
type WithName<N, E> = E extends unknown ? N extends NamesOf<E> ? E : never
  : never;

/** What can be watched: `nodes`, `webrouter/webprocs`, … */
export type ViewName = NamesOf<Extract<Declared, View>>;

/** What answers with JSON: the views, and other endpoints by their path, `/debug`. */
export type EndpointName = NamesOf<Extract<Declared, { answer: TSchema }>>;

/** What an endpoint answers. */
export type Data<N extends EndpointName> = WithName<N, Declared> extends
  { answer: infer A extends TSchema } ? Static<A> : never;

/** The query parameters of an endpoint. */
export type Params<N extends EndpointName> = WithName<N, Declared> extends
  { params: infer Q extends Readonly<Record<string, Param>> } ?
    & { readonly [K in keyof Q]?: string }
    & {
      readonly [
        K in keyof Q as Q[K] extends { required: true } ? K : never
      ]: string;
    }
  : never;
