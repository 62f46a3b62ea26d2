/**
 * Measures lainlet, and beside it, in the same run, what the machine can do at
 * all; prints tables in Markdown.
 *
 *     deno task bench [--target=source|binary] [--seconds=5] [SECTION...]
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { ensurePrograms } from "./setup.ts";
import { dashboard } from "./bench/dashboard.ts";
import { fanout } from "./bench/fanout.ts";
import { fleet } from "./bench/fleet.ts";
import { grpc } from "./bench/grpc.ts";
import { gets } from "./bench/gets.ts";
import { changes } from "./bench/changes.ts";
import { latency } from "./bench/latency.ts";
import { memory } from "./bench/memory.ts";
import { node } from "./bench/node.ts";
import { patches } from "./bench/patches.ts";
import { proofs } from "./bench/proofs.ts";
import { state } from "./bench/state.ts";
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
  patches: [patches],
  state: [state],
  fleet: [fleet],
  proofs: [proofs],
  dashboard: [dashboard],
};

const { target = "source", seconds = "5", _: named } = parseArgs(Deno.args, {
  string: ["target", "seconds"],
  boolean: [],
  alias: {},
  unknown: (arg) => !arg.startsWith("-") || usage(`unknown argument ${arg}`),
});
if (target !== "source" && target !== "binary") {
  usage("--target must be source or binary");
}
if (!(Number(seconds) > 0)) usage("--seconds must be a number");
const names = named.length > 0 ? named.map(String) : Object.keys(SECTIONS);
const sections = names.flatMap((name) =>
  SECTIONS[name] ??
    usage(`no section ${name}: ${Object.keys(SECTIONS).join(", ")}`)
);

function usage(message: string): never {
  console.error(`bench: ${message}`);
  Deno.exit(2);
}

await ensurePrograms(["etcd", "etcdctl"]);
console.log(
  `Measured on ${navigator.hardwareConcurrency} cores, lainlet from ${target}, ` +
    `floor and load on Deno ${Deno.version.deno}.`,
);
for (const section of sections) {
  const table = await section({ target, seconds: Number(seconds) });
  console.log(`\n${markdown(table)}`);
}
Deno.exit(0);
