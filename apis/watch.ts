import { badRequest } from "../lib/errors.ts";
import type { NamedView, Page, Service } from "../lib/view/page.ts";

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
        "`1`: comments before each frame say the state's entity tag and the revision that it rests on.",
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
    const views = names.map((name) => viewOf(service, name));
    return service.watchTogether(views, params, ask);
  },
} satisfies Page;

function viewOf({ endpoints }: Service, name: string): NamedView {
  const [path = ""] = name.split("?", 1);
  const view = endpoints.find(({ paths }) => paths.includes(`/v2/${path}`));
  // It is part of a line.
  if (!/^[ -~]+$/.test(name) || view === undefined || !("select" in view)) {
    throw badRequest("view must be one of those under /v2/, in ASCII");
  }
  const params = new URLSearchParams(name.slice(path.length + 1));
  return { name, view, params };
}
