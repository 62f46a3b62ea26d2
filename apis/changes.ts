import { Type } from "@sinclair/typebox";
import { SUPER } from "../lib/access/rights.ts";
import { allSubtrees } from "../lib/overview/kinds.ts";
import { Literals } from "../lib/overview/values.ts";
import { materialized, SINGLE_MEMBERS } from "../lib/view/materialized.ts";
import { timeParam } from "../lib/view/params.ts";
import { appPrefix, byApp } from "../lib/view/select.ts";
import type { View } from "../lib/view/view.ts";

const Difference = Type.Object({
  path: Type.Array(Type.Union([Type.String(), Type.Integer()]), {
    description:
      "Member names and list indexes; empty: the whole value, as the overview has it.",
  }),
  before: Type.Optional(Type.Unknown({ description: "Missing: added." })),
  after: Type.Optional(Type.Unknown({ description: "Missing: removed." })),
});

const Change = Type.Object({
  time: Type.String({
    description: "When lainlet received the change, in RFC 3339.",
  }),
  earliest: Type.Optional(Type.String({
    description:
      "The change was found by comparing two states, as after a restart: it happened between this time and `time`. In RFC 3339.",
  })),
  revision: Type.Integer({
    description: "The store's revision with the change, or a later one.",
  }),
  kind: Literals(["config", "depends", "group", "node"]),
  name: Type.String({
    description: "The value's name in the overview is `<kind>/<name>`.",
  }),
  app: Type.Optional(Type.String()),
  change: Literals(["added", "changed", "removed"]),
  diff: Type.Array(Difference, {
    description: "Where the value differs. Secrets are replaced by `(secret)`.",
  }),
}, { $id: "Change" });

/** The last changes, the oldest first: `{number: {time, revision, kind, name, app, change, diff}}`. */
export default {
  paths: ["/v2/changes"] as const,
  summary:
    "The last changes, by numbers that count up. An app sees those of its pod groups, super callers all.",
  params: {
    since: {
      description:
        "Changes since then: RFC 3339, seconds since 1970, or a duration before now such as `5m`. None: all that are recorded.",
    },
    app: {
      description: "An app, or `*` for all. None: all that the caller may see.",
    },
  },
  mayAsk: "app",
  answer: Type.Record(Type.String(), Change),
  isObject: true,
  watcher: allSubtrees,
  select(query) {
    const since = timeParam(query.params);
    if (query.caller.isSuper) {
      return { prefix: appPrefix(query, "app"), right: SUPER, since };
    }
    const filter = (kind: string) => kind === "group";
    return { ...byApp(query, "app"), filter, since };
  },
  source({ changeLog }, { prefix, filter, since }) {
    // Watches that start with the same record share a topic.
    const first = since === undefined ? 0 : changeLog.firstNumberSince(since);
    const app = prefix === "" ? undefined : prefix.slice(0, -1);
    const kind = filter === undefined ? undefined : "group";
    return materialized(
      `/v2/changes ${kind ?? "all"} ${first} ${prefix}`,
      changeLog.select({ first, app, kind }),
      SINGLE_MEMBERS,
    );
  },
} satisfies View;
