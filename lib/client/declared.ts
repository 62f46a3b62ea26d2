/**
 * The types of the endpoints' parameters and answers, from their declarations.
 * In the npm package `deno task pack` replaces this file by the types written
 * out.
 *
 * @module
 */
import type { Static, TSchema } from "@sinclair/typebox";
import type * as apis from "../../apis/mod.ts";
import type { Endpoint } from "../view/endpoint.ts";
import type { Param } from "../view/endpoint.ts";
import type { View } from "../view/view.ts";

type Declared = typeof apis[keyof typeof apis];
type NameOf<P> = P extends `/v2/${infer N}` ? N : P;
type NamesOf<E> = E extends Endpoint ? NameOf<E["paths"][number]> : never;
type WithName<N, E> = E extends unknown ? N extends NamesOf<E> ? E : never
  : never;

/** The name of a view: `nodes`, `webrouter/webprocs`, … */
export type ViewName = NamesOf<Extract<Declared, View>>;

/** The name of an endpoint that answers with JSON: a view, or a path such as `/debug`. */
export type EndpointName = NamesOf<Extract<Declared, { answer: TSchema }>>;

/** The answer of an endpoint. */
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
