import type { Static, TSchema } from "@sinclair/typebox";
import type { RawNumber } from "./json.ts";

/** The value that `JSON.stringify` encodes as a value of a schema. */
export type Json<S extends TSchema> = Encodable<Static<S>>;

type Encodable<T> = T extends number ? number | RawNumber
  : T extends readonly (infer U)[] ? readonly Encodable<U>[]
  : T extends object ? { readonly [K in keyof T]: Encodable<T[K]> }
  : T;
