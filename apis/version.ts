import { Lainlet } from "../lib/grpc/proto/message_pb.ts";
import { textResponse } from "../lib/http/response.ts";
import { type CustomEndpoint, unary } from "../lib/view/custom_endpoint.ts";

/** The API version that gRPC clients read. */
const API_VERSION = "2.4";

/** The version of this lainlet, as text. */
export default {
  paths: ["/version"] as const,
  summary: "The version of this lainlet.",
  params: {},
  mayAsk: "all",
  mediaType: "text/plain",
  respond: ({ version }) => textResponse(version),
  rpc: [
    unary(Lainlet.method.version, ({ version }) => ({
      Version: version,
      APIVersion: API_VERSION,
    })),
  ],
} satisfies CustomEndpoint;
