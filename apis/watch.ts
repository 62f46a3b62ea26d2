import { etagsOf } from "../lib/broadcast/events.ts";
import { badRequest } from "../lib/errors.ts";
import type {
  CustomEndpoint,
  EndpointContext,
  HttpRequest,
  NamedView,
} from "../lib/view/custom_endpoint.ts";

/** As many views may come on one stream. */
const MOST = 20;

/** Several views on one stream, whose states are always of one revision of the store. */
export default {
  paths: ["/v2/watch"] as const,
  summary:
    "Several views on one stream, whose states are of one revision of the store; names of events are followed by that of the view.",
  params: {
    view: {
      description:
        "A view with its parameters, `nodes` or `webrouter/webprocs?appname=shop`; as often as there are views.",
      required: true,
    },
    patch: {
      description:
        "`merge`: after the first state, what changed as a JSON Merge Patch, of views that are objects.",
    },
    tag: {
      description:
        "`1`: comments before each frame say the state's entity tag and the revision that it rests on, and its id names what the listener has after it, of all views.",
    },
    since: {
      description:
        "The id of the last event that the listener has, of a stream with `tag=1` and the same views, from any lainlet of the cluster. Of a view whose state is still that, nothing is sent until it changes; if it is still known, a patch from it, where patches were asked for; else `init`.",
    },
    heartbeat: {
      description: "Seconds between `heartbeat` events; 0 or none: none.",
    },
  },
  mayAsk: "all",
  mediaType: "text/event-stream",
  statuses: [400, 503],
  respond(service, { params }, ask) {
    const names = [...new Set(params.getAll("view"))];
    if (names.length === 0) throw badRequest("view required");
    if (names.length > MOST) {
      throw badRequest(`there may be ${MOST} views on a stream`);
    }
    const since = sinceOf(params, ask, names.length);
    const views = names.map((name, i) => ({
      ...viewOf(service, name),
      since: since?.[i],
    }));
    return service.watchTogether(views, params, ask);
  },
} satisfies CustomEndpoint;

/** The entity tags of the states that who asks has. @throws {Refusal} when they are malformed */
function sinceOf(
  params: URLSearchParams,
  { lastEventId }: HttpRequest,
  views: number,
) {
  // The last id may be that of a stream that was not named, which tells nothing.
  const last = lastEventId ? etagsOf(lastEventId, views) : undefined;
  if (last !== undefined) return last;
  const text = params.get("since") ?? "";
  const since = etagsOf(text, views);
  if (since !== undefined || text === "") return since;
  throw badRequest("since must be the id of an event that names these views");
}

function viewOf({ endpoints }: EndpointContext, name: string): NamedView {
  const [path = ""] = name.split("?", 1);
  const view = endpoints.find(({ paths }) => paths.includes(`/v2/${path}`));
  // It is part of a line.
  if (!/^[ -~]+$/.test(name) || view === undefined || !("select" in view)) {
    throw badRequest("view must be one of those under /v2/, in ASCII");
  }
  const params = new URLSearchParams(name.slice(path.length + 1));
  return { name, view, params };
}
