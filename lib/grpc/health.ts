import { State } from "../broadcast/state.ts";
import { Topic } from "../broadcast/topic.ts";
import type { MetricsInput } from "../stats/stats.ts";
import { notReadyReasons } from "../stats/readiness.ts";
import { encode } from "../view/rpc.ts";
import { messageFrame } from "./message.ts";
import { decode, type Method } from "./methods.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponseSchema,
} from "./proto/health_pb.ts";
import { CODE, RpcError } from "./status.ts";

/** How often the status is polled for callers of `Watch`, in ms. */
const INTERVAL = 1_000;

/**
 * Returns the methods of the standard health service. A service is `SERVING`
 * while `/readyz` reports ready.
 *
 * @param services names of the services that have a status
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function healthMethods(
  input: MetricsInput,
  services: ReadonlySet<string>,
): [path: string, method: Method][] {
  const statusOf = (service: string) => {
    if (service !== "" && !services.has(service)) {
      return Status.SERVICE_UNKNOWN;
    }
    return notReadyReasons(input).length === 0
      ? Status.SERVING
      : Status.NOT_SERVING;
  };
  const serviceOf = (request: Uint8Array) =>
    decode(HealthCheckRequestSchema, request).service;
  const frame = (status: Status) =>
    messageFrame([encode(HealthCheckResponseSchema, { status })]);
  return [
    [`/${Health.typeName}/Check`, {
      kind: "unary",
      reply(request) {
        const status = statusOf(serviceOf(request));
        if (status !== Status.SERVICE_UNKNOWN) return frame(status);
        throw new RpcError(CODE.notFound, "no such service");
      },
    }],
    [`/${Health.typeName}/Watch`, {
      kind: "server_streaming",
      params: (request) => new URLSearchParams({ service: serviceOf(request) }),
      subscribe(params, _peer, stream) {
        const service = params.get("service") ?? "";
        const state = () => State.of(frame(statusOf(service)));
        const topic = new Topic(state());
        const timer = setInterval(
          () => topic.publish(state(), "update"),
          INTERVAL,
        );
        stream.attach(topic);
        return () => clearInterval(timer);
      },
    }],
  ];
}
