import {
  type DescMessage,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import type {
  CustomEndpoint,
  EndpointContext,
  UnaryRpc,
} from "../view/custom_endpoint.ts";
import type { RpcView, View } from "../view/view.ts";
import type { ViewStream } from "../view/views.ts";
import type { Views } from "../view/views.ts";
import { messageFrame } from "./message.ts";
import { CODE, RpcError } from "./status.ts";

/** A method. Requests are encoded messages without a frame; replies are framed. */
export type Method =
  | {
    readonly kind: "unary";
    /**
     * @param peer the caller's address
     * @throws {RpcError | Refusal | Unavailable} when there is no reply
     */
    reply(request: Uint8Array, peer: string): Uint8Array;
  }
  | {
    readonly kind: "server_streaming";
    /** Returns the fields of a request. @throws {RpcError} when it is malformed */
    params(request: Uint8Array): URLSearchParams;
    /** Subscribes a stream to the states of a view. @returns unsubscribes it */
    subscribe(
      params: URLSearchParams,
      peer: string,
      stream: ViewStream,
    ): () => void;
  }
  | {
    readonly kind: "bidi_streaming";
    /** @throws {RpcError} when the request is malformed */
    reply(request: Uint8Array): Uint8Array;
  };

/** Returns the methods of all endpoints, by path: `/message.Proxy/Get`. */
export function methodsOf(
  endpoints: readonly (View | CustomEndpoint)[],
  context: EndpointContext,
  views: Views,
): Map<string, Method> {
  return new Map(
    endpoints.flatMap(({ rpc }) => {
      if (rpc === undefined) return [];
      return "framedBy" in rpc
        ? viewMethods(rpc, views)
        : rpc.map((one) => customMethod(one, context, views));
    }),
  );
}

function viewMethods(
  { service, framedBy }: RpcView,
  views: Views,
): [string, Method][] {
  const view = framedBy(messageFrame);
  return service.methods.map(({ name, input, methodKind }) => [
    `/${service.typeName}/${name}`,
    methodKind === "server_streaming"
      ? {
        kind: methodKind,
        params: (request) => paramsOf(input, request),
        subscribe: (params, peer, stream) =>
          views.subscribe({ view, params, peer }, stream),
      }
      : {
        kind: "unary",
        reply(request, peer) {
          const params = paramsOf(input, request);
          return views.read({ view, params, peer }).bytes;
        },
      },
  ]);
}

function customMethod(
  { method, reply }: UnaryRpc,
  context: EndpointContext,
  views: Views,
): [string, Method] {
  return [`/${method.parent.typeName}/${method.name}`, {
    kind: "unary",
    reply(request, peer) {
      const params = paramsOf(method.input, request);
      return messageFrame([reply(context, views.query(params, peer))]);
    },
  }];
}

/** Returns a request's fields as parameters of the HTTP view, whose names are in lower case. */
function paramsOf(schema: DescMessage, request: Uint8Array): URLSearchParams {
  const fields = Object.entries(decode(schema, request));
  return new URLSearchParams(
    fields.flatMap(([name, value]) =>
      typeof value === "string" && schema.field[name] !== undefined
        ? [[name.toLowerCase(), value]]
        : []
    ),
  );
}

/** Decodes a request. @throws {RpcError} when it is malformed */
export function decode<S extends DescMessage>(
  schema: S,
  request: Uint8Array,
): MessageShape<S> {
  try {
    return fromBinary(schema, request);
  } catch {
    throw new RpcError(
      CODE.internal,
      `the request is not a ${schema.typeName}`,
    );
  }
}
