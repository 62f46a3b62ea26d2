import { Type } from "@sinclair/typebox";
import { State } from "../lib/broadcast/state.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { Literals } from "../lib/overview/values.ts";
import { superOnly } from "../lib/view/select.ts";
import type { View, ViewContext } from "../lib/view/view.ts";
import type { ListenerInfo } from "../lib/stats/counters.ts";

/** A listener that is behind for this long is slow, in seconds. */
const SLOW = 10;

const Listener = Type.Object({
  app: Type.Optional(
    Type.String({ description: "The app that the address belongs to." }),
  ),
  behind: Type.Boolean({
    description: "There is a newer state that it has not read.",
  }),
  behindFor: Type.Integer({
    description: "For how long it has been behind, in seconds.",
    minimum: 0,
  }),
  endpoint: Type.String(),
  params: Type.Record(Type.String(), Type.String(), {
    description: "The parameters that the endpoint knows; long ones are cut.",
  }),
  peer: Type.String({ description: "The listener's address." }),
  protocol: Literals(["http", "grpc"]),
  sent: Type.Integer({
    description: "How many states and patches were sent.",
    minimum: 0,
  }),
  since: Type.Integer({
    description: "When the stream started, in seconds since 1970.",
  }),
  slow: Type.Boolean({
    description: `It has been behind for ${SLOW} s or more.`,
  }),
}, { $id: "Listener" });

function encode(
  { counters: { slots }, rights }: ViewContext,
  slot: number,
  { peer, endpoint, protocol, params, since }: ListenerInfo,
): string {
  const behindFor = slots.behindFor(slot);
  return JSON.stringify(
    {
      app: rights.appOf(peer),
      behind: behindFor !== undefined,
      behindFor: behindFor ?? 0,
      endpoint,
      params: Object.fromEntries(new URLSearchParams(params)),
      peer,
      protocol,
      sent: slots.sent(slot),
      since,
      slow: (behindFor ?? 0) >= SLOW,
    } satisfies Json<typeof Listener>,
  );
}

function render(context: ViewContext): State {
  return State.of(
    Array.from(
      context.limits.open,
      ([slot, one]): Member => [`${slot}`, encode(context, slot, one)],
    ),
  );
}

/** Does not come from the store, so it is always fresh. */
const ALWAYS_FRESH = {
  age: () => 0,
  isSynced: true,
  progress: undefined,
  saved: () => undefined,
};

/** The open streams: `{number: {peer, app, endpoint, params, since, …}}`. A watch is updated each second. */
export default {
  paths: ["/v2/listeners"] as const,
  summary:
    "The open streams: their clients and views, and which are behind. A watch is updated each second. For super callers.",
  params: {},
  mayAsk: "super",
  answer: Type.Record(Type.String(), Listener),
  isObject: true,
  watcher: () => ALWAYS_FRESH,
  select: (query) => superOnly(query, ""),
  source: (context) => ({
    id: "/v2/listeners",
    // NaN differs from itself: each read makes a new state.
    watcher: { receivers: 0, version: NaN },
    render: () => render(context),
    subscribe: (onChange) => ({
      render: () => render(context),
      end: context.stats.subscribe(() => onChange("update")),
    }),
  }),
} satisfies View;
