import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Bytes } from "../broadcast/state.ts";
import { type RawNumber, toDouble } from "../json.ts";

/** The gRPC service of a view: `Get`, and `Watch` if the view has it. */
export type ViewService<R extends DescMessage = DescMessage> = DescService & {
  readonly method: { readonly get: DescMethod & { readonly output: R } };
};

/** Joins the parts of an encoded message, and frames it for the wire. */
export type Framing = (parts: readonly Uint8Array[]) => Bytes;

/**
 * Encodes a message.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function encode<R extends DescMessage>(
  schema: R,
  message: MessageInitShape<R>,
): Uint8Array {
  return toBinary(schema, create(schema, message));
}

/** A number as int32; one that is out of range is the nearest. */
export function int32(value: number | RawNumber): number {
  const number = toDouble(value);
  return Math.trunc(Math.min(Math.max(number, -(2 ** 31)), 2 ** 31 - 1));
}

/** A number as int64; one that is out of range is the nearest. */
export function int64(value: number | RawNumber): bigint {
  const text = typeof value === "number" ? `${value}` : value.rawJSON;
  const number = /^-?\d+$/.test(text) ? BigInt(text) : truncated(Number(text));
  const [min, max] = [-(2n ** 63n), 2n ** 63n - 1n];
  return number < min ? min : number > max ? max : number;
}

/** The integer part of a number, within bounds that exceed int64. */
function truncated(number: number): bigint {
  return BigInt(Math.trunc(Math.min(Math.max(number, -(2 ** 64)), 2 ** 64)));
}
