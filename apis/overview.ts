import { type Static, Type } from "@sinclair/typebox";
import { allSubtrees } from "../lib/overview/kinds.ts";
import { overviewEntries } from "../lib/overview/overview.ts";
import { Group, Portals } from "../lib/overview/values.ts";
import { RuntimeStatus, Sample } from "../lib/stats/stats.ts";
import { materialized, SINGLE_MEMBERS } from "../lib/view/materialized.ts";
import { superOnly } from "../lib/view/select.ts";
import type { View } from "../lib/view/view.ts";

/** The prefix of a member's name says what the member is. */
interface Overview {
  readonly [name: `config/${string}`]: string;
  readonly [name: `depends/${string}`]: Static<typeof Portals>;
  readonly [name: `group/${string}`]: Static<typeof Group>;
  readonly [name: `node/${string}`]: Readonly<Record<string, unknown>>;
  readonly [name: `sample/${string}`]: Sample;
  readonly "lainlet/present": RuntimeStatus;
}

const Overview = Type.Unsafe<Overview>({
  type: "object",
  properties: { "lainlet/present": RuntimeStatus },
  patternProperties: {
    "^config/": Type.String(),
    "^depends/": Portals,
    "^group/": Group,
    "^node/": Type.Record(Type.String(), Type.Unknown()),
    "^sample/": Sample,
  },
  required: ["lainlet/present"],
  additionalProperties: false,
});

/** The whole cluster and this lainlet's statistics, as one object. The dashboard watches it. */
export default {
  paths: ["/v2/overview"] as const,
  summary:
    "The whole cluster and this lainlet's statistics, for the dashboard. The prefix of a member's name says what the member is. For super callers.",
  params: {},
  mayAsk: "super",
  answer: Overview,
  isObject: true,
  watcher: allSubtrees,
  select: (query) => superOnly(query, ""),
  source: ({ cluster, stats }) =>
    materialized(
      "/v2/overview",
      overviewEntries(cluster, stats),
      SINGLE_MEMBERS,
    ),
} satisfies View;
