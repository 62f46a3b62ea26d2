import { Type } from "@sinclair/typebox";
import { memberFragment } from "../lib/broadcast/blocks.ts";
import type { StateSource } from "../lib/broadcast/topics.ts";
import { SUPER } from "../lib/access/rights.ts";
import { Literals } from "../lib/overview/group.ts";
import type { ChangeRecord } from "../lib/overview/change_record.ts";
import type { ChangeLog } from "../lib/overview/change_log.ts";
import { memo } from "../lib/memo.ts";
import { allSubtrees } from "../lib/overview/kinds.ts";
import { appPrefix, byApp } from "../lib/view/select.ts";
import { timeParam } from "../lib/view/since.ts";
import {
  type Mapped,
  materialized,
  memberReducer,
} from "../lib/view/materialized.ts";
import type { Selection } from "../lib/view/query.ts";
import type { View } from "../lib/view/view.ts";

const Difference = Type.Object({
  path: Type.Array(Type.Union([Type.String(), Type.Integer()]), {
    description:
      "Names of members, places in lists; none: the whole of what the overview tells of it.",
  }),
  before: Type.Optional(
    Type.Unknown({ description: "None: it was not there." }),
  ),
  after: Type.Optional(Type.Unknown({ description: "None: it is gone." })),
});

const Change = Type.Object({
  time: Type.String({ description: "When lainlet heard of it, in RFC 3339." }),
  revision: Type.Integer({
    description: "The store's, at which it was so, if not before.",
  }),
  kind: Literals(["config", "depends", "group", "node"]),
  name: Type.String({
    description:
      "With the kind and a slash before it: its name in the overview.",
  }),
  app: Type.Optional(Type.String()),
  change: Literals(["added", "changed", "removed"]),
  diff: Type.Array(Difference, {
    description: "What differs inside; in the place of a secret: `(secret)`.",
  }),
}, { $id: "Change" });

/** What entries add, made when somebody asks, and kept as long as they. */
const added = new WeakMap<ChangeRecord, Mapped>();

/** The entries that a selection has. */
function sourceOf(history: ChangeLog, selection: Selection): StateSource {
  const { prefix, filter: keep = () => true, since } = selection;
  // Who begins with the same one has the same.
  const first = since === undefined ? 0 : history.firstNumberSince(since);
  const isSeen = ({ number, app, kind }: ChangeRecord) =>
    number >= first && keep(kind) && (prefix === "" || `${app}/` === prefix);
  return materialized(
    `/v2/changes ${
      selection.filter === undefined ? "all" : "some"
    } ${first} ${prefix}`,
    {
      watcher: history,
      *all() {
        for (const entry of history.entries()) {
          if (isSeen(entry)) yield [entry.member[0], entry];
        }
      },
      subscribe: (onChange) =>
        history.subscribe("topics", (changes) => {
          const seen = changes.filter(({ value, previous }) => {
            const entry = value ?? previous;
            return entry !== undefined && isSeen(entry);
          });
          if (seen.length > 0) onChange(seen);
        }),
    },
    memberReducer((_id, entry: ChangeRecord) =>
      memo(added, entry, () => ({
        items: [memberFragment(entry.member)],
        counts: [],
      }))
    ),
  );
}

/** The last changes: `{number: {time, revision, kind, name, app, change, diff}}`, the oldest first. */
export default {
  paths: ["/v2/changes"] as const,
  summary:
    "What changed of late, by numbers that count up; an app sees its own pod groups, super callers all.",
  params: {
    since: {
      description:
        "From when on: RFC 3339, seconds since 1970, or how long ago, such as `5m`. None: all that is remembered.",
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
    const keep = (kind: string) => kind === "group";
    return { ...byApp(query, "app"), filter: keep, since };
  },
  source: ({ changeLog: history }, selection) => sourceOf(history, selection),
} satisfies View;
