import { etagsOf } from "../lib/broadcast/events.ts";
import { badRequest } from "../lib/errors.ts";
import type {
  CustomEndpoint,
  EndpointContext,
  HttpRequest,
  NamedView,
} from "../lib/view/custom_endpoint.ts";

/** The maximum number of views on a stream. */
const MAX_VIEWS = 20;

/** Several views on one stream. Their states are always of one revision of the store. */
export default {
  paths: ["/v2/watch"] as const,
  summary:
    "Several views on one stream. Their states are of one revision of the store. The name of an event ends with the view's name.",
  params: {
    view: {
      description:
        "A view with its parameters, `nodes` or `webrouter/webprocs?appname=shop`. Repeated for each view.",
      required: true,
    },
    patch: {
      description:
        "`merge`: after the first state, views that are objects send changes as a JSON Merge Patch.",
    },
    tag: {
      description:
        "`1`: comments before each event carry the state's entity tag and its revision. The event's id stands for the states of all views.",
    },
    since: {
      description:
        "The id of the last event that the client got, of a stream with `tag=1` and the same views, from any lainlet of the cluster. A view whose state is still the present one sends nothing until it changes. Another starts with a patch, if patches were requested and its state is still known, or else with `init`.",
    },
    heartbeat: {
      description:
        "The seconds between `heartbeat` events. 0 or none: no heartbeats.",
    },
    client: {
      description:
        "A name of the client, by which it is found in `/v2/listeners`.",
    },
  },
  mayAsk: "all",
  mediaType: "text/event-stream",
  statuses: [400, 503],
  respond(context, { params }, request) {
    const names = [...new Set(params.getAll("view"))];
    if (names.length === 0) throw badRequest("view required");
    if (names.length > MAX_VIEWS) {
      throw badRequest(`a stream may have at most ${MAX_VIEWS} views`);
    }
    const since = etagsOfClient(params, request, names.length);
    const views = names.map((name, i) => ({
      ...viewOf(context, name),
      since: since?.[i],
    }));
    return context.watchTogether(views, params, request);
  },
} satisfies CustomEndpoint;

/** The entity tags of the client's states. @throws {Refusal} when `since` is malformed */
function etagsOfClient(
  params: URLSearchParams,
  { lastEventId }: HttpRequest,
  views: number,
) {
  // The id of a stream without `tag=1` is only a number.
  const last = lastEventId ? etagsOf(lastEventId, views) : undefined;
  if (last !== undefined) return last;
  const text = params.get("since") ?? "";
  const since = etagsOf(text, views);
  if (since !== undefined || text === "") return since;
  throw badRequest(
    "since must be the id of an event of these views with tag=1",
  );
}

function viewOf({ endpoints }: EndpointContext, name: string): NamedView {
  const [suffix = ""] = name.split("?", 1);
  const path = `/v2/${suffix}`;
  const view = endpoints.find(({ paths }) => paths.includes(path));
  // The name is part of a line of the event stream.
  if (!/^[ -~]+$/.test(name) || view === undefined || !("select" in view)) {
    throw badRequest("view must be the ASCII name of a view under /v2/");
  }
  const params = new URLSearchParams(name.slice(suffix.length + 1));
  return { name, view, path, params };
}
