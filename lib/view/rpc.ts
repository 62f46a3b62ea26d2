import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Bytes } from "../broadcast/state.ts";
import type { RawNumber } from "../json.ts";

/** A service by which a view is asked: `Get`, and `Watch` where it has that. */
export type ViewService<R extends DescMessage = DescMessage> = DescService & {
  readonly method: { readonly get: DescMethod & { readonly output: R } };
};

/** Joins the parts of an encoded message, and frames it for the wire. */
export type Framing = (parts: readonly Uint8Array[]) => Bytes;

/**
 * A message as bytes.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function encode<R extends DescMessage>(
  schema: R,
  message: MessageInitShape<R>,
): Uint8Array {
  return toBinary(schema, create(schema, message));
}

/** A number as an int32 takes it: one that is too large is the largest. */
export function int32(value: number | RawNumber): number {
  const number = typeof value === "number" ? value : Number(value.rawJSON);
  return Math.trunc(Math.min(Math.max(number, -(2 ** 31)), 2 ** 31 - 1));
}

/** A number as an int64 takes it: one that is too large is the largest. */
export function int64(value: number | RawNumber): bigint {
  const text = typeof value === "number" ? `${value}` : value.rawJSON;
  const number = /^-?\d+$/.test(text) ? BigInt(text) : whole(Number(text));
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
  return number < least ? least : number > most ? most : number;
}

/** A number without what is behind its point; all that are too large for an int64 may be one. */
function whole(number: number): bigint {
  return BigInt(Math.trunc(Math.min(Math.max(number, -(2 ** 64)), 2 ** 64)));
}
