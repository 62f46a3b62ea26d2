import { State } from "../broadcast/state.ts";
import { messageFrame } from "./message.ts";
import { Topic } from "../broadcast/topic.ts";
import type { MetricsInput } from "../stats/stats.ts";
import { notReadyReasons } from "../stats/readiness.ts";
import { encode } from "../view/rpc.ts";
import { decode, type Method } from "./methods.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponseSchema,
} from "./proto/health_pb.ts";
import { CODE, RpcError } from "./status.ts";

/** How often whoever watches is told anew, in ms. */
const EVERY = 1_000;

/**
 * The standard health service: serving is what `/readyz` calls good.
 *
 * @param services that can be asked for by name
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function healthMethods(
  readings: MetricsInput,
  services: ReadonlySet<string>,
): [path: string, method: Method][] {
  const statusOf = (request: Uint8Array) => {
    const { service } = decode(HealthCheckRequestSchema, request);
    return () => {
      if (service !== "" && !services.has(service)) {
        return Status.SERVICE_UNKNOWN;
      }
      return notReadyReasons(readings).length === 0
        ? Status.SERVING
        : Status.NOT_SERVING;
    };
  };
  const frame = (status: Status) =>
    messageFrame([encode(HealthCheckResponseSchema, { status })]);
  return [
    [`/${Health.typeName}/Check`, {
      kind: "unary",
      reply(request) {
        const status = statusOf(request)();
        if (status !== Status.SERVICE_UNKNOWN) return frame(status);
        throw new RpcError(CODE.notFound, "there is no such service");
      },
    }],
    [`/${Health.typeName}/Watch`, {
      kind: "stream",
      params(request) {
        const { service } = decode(HealthCheckRequestSchema, request);
        return new URLSearchParams({ service });
      },
      demand(request) {
        const status = statusOf(request);
        return (listener) => {
          const topic = new Topic(State.of(frame(status())));
          const timer = setInterval(
            () => topic.publish(State.of(frame(status())), "update"),
            EVERY,
          );
          listener.attach(topic);
          return () => clearInterval(timer);
        };
      },
    }],
  ];
}
