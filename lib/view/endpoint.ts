import type { Static, TSchema } from "@sinclair/typebox";

/** A query parameter. */
export interface Param {
  /** One line; what its absence means, too. */
  readonly description: string;
  readonly required?: true;
  /** With it the endpoint's example is what is answered. */
  readonly example?: string;
}

/** Who may ask: every caller; an app for itself; super callers alone. */
export type MayAsk = "all" | "app" | "super";

/** What an endpoint says of itself; `/openapi.json` and the client's types are made of it. */
export interface Endpoint<
  P extends string = string,
  Q extends Readonly<Record<string, Param>> = Readonly<Record<string, Param>>,
  A extends TSchema = TSchema,
> {
  /** Every spelling of the path, without a trailing slash. */
  readonly paths: readonly [P, ...P[]];
  /** One line; who may ask, too, where not everyone may. */
  readonly summary: string;
  readonly params: Q;
  /** Whom it answers: of what `select` or `respond` refuses, this tells. */
  readonly mayAsk: MayAsk;
  /** What the answer looks like, when that is JSON. */
  readonly answer?: A;
  /** An answer: the one of `tests/util/example.ts`. */
  readonly example?: Static<A>;
}
