import { Type } from "@sinclair/typebox";
import { stateResponse } from "../lib/http/response.ts";
import { State } from "../lib/broadcast/state.ts";
import {
  forbidden,
  NOT_READ_YET,
  Refusal,
  SUPER_REQUIRED,
  Unavailable,
} from "../lib/errors.ts";
import { Appname } from "../lib/grpc/proto/message_pb.ts";
import {
  type CustomEndpoint,
  type EndpointContext,
  unary,
} from "../lib/view/custom_endpoint.ts";
import { param } from "../lib/view/select.ts";
import type { Query } from "../lib/view/endpoint.ts";
import { STATUS_CODE } from "@std/http/status";

/** The app that an address belongs to: `{"appname": app}`. */
export default {
  paths: ["/appname"] as const,
  summary: "The app that an address belongs to. For super callers.",
  params: {
    ip: {
      description: "An address. None: the caller's.",
      example: "172.20.1.40",
    },
  },
  mayAsk: "super",
  statuses: [304, 404, 503],
  mediaType: "application/json",
  answer: Type.Object({ appname: Type.String() }),
  example: {
    appname: "shop",
  },
  watcher: (cluster) => cluster.podgroup,
  respond: (context, query, request) =>
    stateResponse(request, State.of(JSON.stringify(find(context, query)))),
  rpc: [
    unary(Appname.method.get, (context, query) => ({
      Data: find(context, query),
    })),
  ],
} satisfies CustomEndpoint;

function find({ rights }: EndpointContext, query: Query): { appname: string } {
  if (!rights.isSynced) throw new Unavailable(NOT_READ_YET);
  const { caller } = query;
  if (!caller.isSuper) throw forbidden(SUPER_REQUIRED);
  const appname = rights.appOf(param(query, "ip") || caller.address);
  if (appname !== undefined) return { appname };
  throw new Refusal(STATUS_CODE.NotFound, "no app has this address");
}
