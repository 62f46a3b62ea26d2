/**
 * Measures lainlet, and beside it, in the same run, what the machine can do at
 * all; prints tables in Markdown.
 *
 *     deno task bench [--target=source|binary] [--seconds=5] [SECTION...]
 *
 * @module
 */
import { integerFlag, scriptOptions, UsageError } from "../lib/flags.ts";
import { ensurePrograms, readTarget, TARGET_FLAG } from "./setup.ts";
import { apiFiles } from "./bench/apis.ts";
import { fanout } from "./bench/fanout.ts";
import { fleet } from "./bench/fleet.ts";
import { grpc } from "./bench/grpc.ts";
import { gets } from "./bench/gets.ts";
import { changes } from "./bench/changes.ts";
import { latency } from "./bench/latency.ts";
import { memory } from "./bench/memory.ts";
import { node } from "./bench/node.ts";
import { patches } from "./bench/patches.ts";
import { checks } from "./bench/checks.ts";
import { dashboard } from "./bench/dashboard.ts";
import { scale } from "./bench/scale.ts";
import { markdown, type Section } from "./bench/table.ts";

const SECTIONS: Record<string, readonly Section[]> = {
  fanout: [fanout],
  latency: [latency],
  memory: [node, memory],
  gets: [gets],
  grpc: [grpc],
  changes: [changes],
  scale: [scale],
  apis: [apiFiles],
  patches: [patches],
  fleet: [fleet],
  checks: [checks],
  dashboard: [dashboard],
};

const { sections, ...settings } = scriptOptions({
  name: "bench",
  summary: "Measures lainlet, and beside it what the machine can do at all; " +
    `prints tables in Markdown. Sections: ${Object.keys(SECTIONS).join(", ")}.`,
  argument: "[SECTION]...",
  flags: [
    TARGET_FLAG,
    { name: "seconds", value: "N", help: "for each figure (default 5)" },
  ],
}, ({ given, positional }) => ({
  target: readTarget(given),
  seconds: integerFlag(given, "seconds", 5, 1, 3_600),
  sections: (positional.length > 0 ? positional : Object.keys(SECTIONS))
    .flatMap((name) => {
      const section = SECTIONS[name];
      if (section !== undefined) return section;
      throw new UsageError(
        `no section ${name}: ${Object.keys(SECTIONS).join(", ")}`,
      );
    }),
}));

await ensurePrograms(["chromium", "etcd", "etcdctl"]);
console.log(
  `Measured on ${navigator.hardwareConcurrency} cores, lainlet from ${settings.target}, ` +
    `floor and load on Deno ${Deno.version.deno}.`,
);
for (const section of sections) {
  const table = await section(settings);
  console.log(`\n${markdown(table)}`);
}
Deno.exit(0);
