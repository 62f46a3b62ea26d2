import type { Static, TSchema } from "@sinclair/typebox";
import type { RawNumber } from "./json.ts";

/** What `JSON.stringify` makes a schema's value of. */
export type Json<S extends TSchema> = Encodable<Static<S>>;

type Encodable<T> = T extends number ? number | RawNumber
  : T extends readonly (infer U)[] ? readonly Encodable<U>[]
  : T extends object ? { readonly [K in keyof T]: Encodable<T[K]> }
  : T;
