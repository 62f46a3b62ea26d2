import {
  type DescMessage,
  fromBinary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { messageFrame } from "./message.ts";
import type {
  CustomEndpoint,
  EndpointContext,
  UnaryRpc,
} from "../view/custom_endpoint.ts";
import type { RpcView, View } from "../view/view.ts";
import type { ViewStream } from "../view/listener.ts";
import type { Views } from "../view/views.ts";
import { CODE, RpcError } from "./status.ts";

/** Who asks for something: an address. */
type Peer = string;

/** A method: a request of one message, and what comes back. */
export type Method =
  | {
    readonly kind: "unary";
    /** @returns a frame @throws {RpcError | Refusal | Unavailable} when there is no reply */
    reply(request: Uint8Array, peer: Peer): Uint8Array;
  }
  | {
    readonly kind: "stream";
    /**
     * @returns feeds a listener, and returns what ends that
     * @throws {RpcError} when the request is malformed
     */
    demand(
      request: Uint8Array,
      peer: Peer,
    ): (listener: ViewStream) => () => void;
    /** What is asked for, as parameters. @throws {RpcError} as above */
    params(request: Uint8Array): URLSearchParams;
  }
  | {
    readonly kind: "dialogue";
    /** @returns a frame for each message of the request */
    reply(request: Uint8Array): Uint8Array;
  };

/** The methods of all endpoints, by path: `/message.Proxy/Get`. */
export function methodsOf(
  endpoints: readonly (View | CustomEndpoint)[],
  service: EndpointContext,
  views: Views,
): Map<string, Method> {
  return new Map(
    endpoints.flatMap(({ rpc }) => {
      if (rpc === undefined) return [];
      return "framedBy" in rpc
        ? viewMethods(rpc, views)
        : rpc.map((one) => pageMethod(one, service, views));
    }),
  );
}

function viewMethods(
  { service, framedBy }: RpcView,
  views: Views,
): [string, Method][] {
  const view = framedBy(messageFrame);
  return service.methods.map((method): [string, Method] => {
    const demand = (request: Uint8Array, peer: Peer) => {
      return { view, params: paramsOf(method.input, request), peer };
    };
    return [
      `/${service.typeName}/${method.name}`,
      method.methodKind === "server_streaming"
        ? {
          kind: "stream",
          demand(request, peer) {
            const demanded = demand(request, peer);
            return (listener) => views.subscribe(demanded, listener);
          },
          params: (request) => paramsOf(method.input, request),
        }
        : {
          kind: "unary",
          reply: (request, peer) => views.read(demand(request, peer)).bytes,
        },
    ];
  });
}

function pageMethod(
  { method, reply }: UnaryRpc,
  service: EndpointContext,
  views: Views,
): [string, Method] {
  return [`/${method.parent.typeName}/${method.name}`, {
    kind: "unary",
    reply(request, peer) {
      const params = paramsOf(method.input, request);
      return messageFrame([reply(service, views.query(params, peer))]);
    },
  }];
}

/** A request as the parameters of HTTP: a field is the one of its name in lower case. */
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

/** @throws {RpcError} when the bytes are no such message */
export function decode<S extends DescMessage>(
  schema: S,
  request: Uint8Array,
): MessageShape<S> {
  try {
    return fromBinary(schema, request);
  } catch {
    throw new RpcError(CODE.internal, `the request is no ${schema.typeName}`);
  }
}
