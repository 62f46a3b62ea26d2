/** The cluster and the answers that every lainlet must give for it. */
const FOLDER = new URL("../golden/", import.meta.url);

/** One request and its answer. */
export interface Expectation {
  readonly from: string;
  readonly path: string;
  readonly status: number;
  readonly body?: unknown;
}

export const cluster: Record<string, string> = JSON.parse(
  read("cluster.json"),
);
export const expectations: Expectation[] = JSON.parse(read("expected.json"));

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, FOLDER));
}

/** An answer in the form that it is compared in: some are multisets. */
export function comparable(path: string, body: unknown): unknown {
  const isMultiset = /^\/v2\/(procwatcher|localspec)/.test(path);
  return isMultiset && Array.isArray(body) ? body.map(stable).sort() : body;
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
