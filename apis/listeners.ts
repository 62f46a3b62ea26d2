import { Type } from "@sinclair/typebox";
import { State } from "../lib/broadcast/state.ts";
import type { Member } from "../lib/json.ts";
import type { Json } from "../lib/schema.ts";
import { Literals } from "../lib/overview/values.ts";
import { superOnly } from "../lib/view/select.ts";
import type { View, ViewContext } from "../lib/view/view.ts";
import type { ListenerInfo } from "../lib/stats/counters.ts";

/** A listener that is behind for so long takes too little, in seconds. */
const SLOW = 10;

const Listener = Type.Object({
  app: Type.Optional(
    Type.String({ description: "The app that the address belongs to." }),
  ),
  behind: Type.Boolean({
    description: "There is a newer state than it has taken.",
  }),
  behindFor: Type.Integer({ description: "Seconds.", minimum: 0 }),
  endpoint: Type.String(),
  params: Type.Record(Type.String(), Type.String(), {
    description: "Those that the endpoint knows, cut when they are long.",
  }),
  peer: Type.String({ description: "The address of who listens." }),
  protocol: Literals(["http", "grpc"]),
  sent: Type.Integer({ description: "States and patches.", minimum: 0 }),
  since: Type.Integer({ description: "In seconds since 1970." }),
  slow: Type.Boolean({ description: `It is behind for ${SLOW} s or more.` }),
}, { $id: "Listener" });

function encode(
  { counters: { slots: places }, rights }: ViewContext,
  place: number,
  { peer, endpoint, protocol, params, since }: ListenerInfo,
): string {
  const behindSince = places.behindSince(place);
  const behindFor = behindSince === 0
    ? 0
    : Math.max(0, Math.floor(Date.now() / 1000) - behindSince);
  return JSON.stringify(
    {
      app: rights.appOf(peer),
      behind: behindSince > 0,
      behindFor,
      endpoint,
      params: Object.fromEntries(new URLSearchParams(params)),
      peer,
      protocol,
      sent: places.sent(place),
      since,
      slow: behindFor >= SLOW,
    } satisfies Json<typeof Listener>,
  );
}

function render(state: ViewContext): State {
  return State.of(
    Array.from(
      state.limits.open,
      ([place, one]): Member => [`${place}`, encode(state, place, one)],
    ),
  );
}

/** What lainlet knows of itself is no store's. */
const OWN = {
  age: () => 0,
  isSynced: true,
  progress: undefined,
  saved: () => undefined,
};

/** Who listens: `{number: {peer, app, endpoint, params, since, …}}`; streams are told every second. */
export default {
  paths: ["/v2/listeners"] as const,
  summary:
    "Who listens, to what, and who is behind; looked at each second. For super callers.",
  params: {},
  mayAsk: "super",
  answer: Type.Record(Type.String(), Listener),
  isObject: true,
  watcher: () => OWN,
  select: (query) => superOnly(query, ""),
  source: (state) => ({
    id: "/v2/listeners",
    // Equal to no other one: it is another state each time.
    watcher: { receivers: 0, version: NaN },
    render: () => render(state),
    subscribe: (onChange) => ({
      render: () => render(state),
      end: state.stats.subscribe(() => onChange("update")),
    }),
  }),
} satisfies View;
