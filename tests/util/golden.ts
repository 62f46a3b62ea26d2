import type { JsonObject } from "@bufbuild/protobuf";
import { MemoryStore } from "../../lib/store/memory.ts";

/** The cluster and the answers that every lainlet must give for it. */
const FOLDER = `${import.meta.dirname}/../golden`;

/** The cluster as `--store=memory` reads it. */
export const CLUSTER_FILE = `${FOLDER}/cluster.json`;

/** One request and its answer. */
export interface Expectation {
  readonly from: string;
  readonly path: string;
  readonly status: number;
  readonly body?: unknown;
}

/** One call by gRPC and what comes of it. */
export interface CallExpectation {
  readonly from: string;
  readonly service: string;
  readonly request: JsonObject;
  readonly code: string;
  readonly reply?: JsonObject;
}

export const cluster: Record<string, string> = JSON.parse(
  read("cluster.json"),
);
export const expectations: Expectation[] = JSON.parse(read("expected.json"));
export const calls: CallExpectation[] = JSON.parse(read("grpc.json"));

/** A store that holds the cluster. */
export function golden(): MemoryStore {
  return new MemoryStore(Object.entries(cluster));
}

function read(name: string): string {
  return Deno.readTextFileSync(`${FOLDER}/${name}`);
}

/** An answer in the form that it is compared in: some are multisets. */
export function comparable(path: string, body: unknown): unknown {
  const isMultiset = /^\/v2\/(procwatcher|localspec)/.test(path);
  return isMultiset && Array.isArray(body) ? body.map(stable).sort() : body;
}

/** A reply in the form that it is compared in: some are multisets. */
export function comparableReply(
  service: string,
  reply: JsonObject | undefined,
): unknown {
  const isMultiset = ["Localspec", "Podgroup"].includes(service);
  return reply !== undefined && isMultiset && Array.isArray(reply.Data)
    ? { ...reply, Data: reply.Data.map(stable).sort() }
    : reply;
}

/** JSON text that is equal for equal values. */
function stable(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item) =>
      typeof item === "object" && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort())
        : item,
  );
}
