import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { freshAnswers, Witness } from "../util/witness.ts";
import type { Check } from "./check.ts";
import { deep, json, names } from "./json.ts";
import { show } from "./show.ts";

const encoder = new TextEncoder();

/** A key that was put, or deleted when there is no value. */
interface Written {
  readonly key: string;
  readonly value?: string | Uint8Array;
}

const PREFIXES = {
  config: "/lain/config/",
  podgroup: "/lain/deployd/pod_groups/",
  depends: "/lain/deployd/depends/pods/",
  nodes: "/lain/nodes/nodes/",
};

const node = { name: "node1", ip: "192.168.77.21" };
const group = (app: string, ip: string) => ({
  app,
  proc: "web.web",
  annotation: { ports: [{ srcport: 1, dstport: 2 }] },
  instances: [{ node, ip }, { node, ip: "" }],
});

/** What nothing is ever done to. */
const NEIGHBOURS: readonly (readonly [key: string, value: string])[] = [
  [`${PREFIXES.config}neighbour`, "here"],
  [
    groupKey(group("neighbour", "127.9.0.1")),
    groupValue(group("neighbour", "127.9.0.1")),
  ],
  [dependsKey("neighbour"), dependsValue(node, "app", "127.9.0.2")],
  [nodeKey({ ...node, name: "neighbour" }), nodeValue(node)],
];

/** What is asked of them alone. */
const QUESTIONS = [
  "/v2/configwatcher?target=neighbour",
  "/v2/nodes?name=neighbour",
  "/v2/depends?target=neighbour",
  ...[
    "coreinfowatcher",
    "procwatcher",
    "proxywatcher",
    "webrouter/webprocs",
    "rebellion/localprocs",
    "streamrouter/streamprocs",
    "streamrouter/ports",
    "backupspec",
  ].map((view) => `/v2/${view}?appname=neighbour`),
];

/** Good values, which bad ones are made of. */
const GOOD: readonly (readonly [key: string, value: string])[] = [
  [
    groupKey(group("app1", "127.9.0.3")),
    groupValue(group("app1", "127.9.0.3")),
  ],
  [groupKey(group("app2", "")), groupValue(group("app2", ""))],
  [dependsKey("app1"), dependsValue(node, "app2", "127.9.0.4")],
  [nodeKey(node), nodeValue(node)],
];

const keys = fc.oneof(
  fc.constantFrom(...GOOD.map(([key]) => key)),
  fc.tuple(fc.constantFrom(...Object.values(PREFIXES)), names, names)
    .map(([prefix, a, b]) => `${prefix}${a}/${b}`),
  fc.tuple(fc.constantFrom(...Object.values(PREFIXES)), names)
    .map((parts) => parts.join("")),
);

/** What a part of a value is replaced by; null: it is left out. */
const parts: fc.Arbitrary<string | null> = fc.option(fc.oneof(
  { weight: 5, arbitrary: json },
  names.map((name) => JSON.stringify(name)),
  deep,
  // Text that is JSON itself.
  deep.map((text) => JSON.stringify(text)),
));

/** A value with some of its parts replaced, or left out. */
const mutants = fc.tuple(
  fc.constantFrom(...GOOD.map(([, value]) => value)),
  fc.array(fc.tuple(fc.nat(), parts), { minLength: 1, maxLength: 3 }),
).map(([value, edits]) => edits.reduce(edited, value));

function edited(text: string, [at, put]: [number, string | null]): string {
  let count = 0;
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[^",:[\]{}]+|./gs) ?? [];
  const isPart = (part: string) => !/^[,:]$/.test(part);
  const chosen = at % parts.filter(isPart).length;
  return parts.map((part) =>
    isPart(part) && count++ === chosen ? put ?? "" : part
  ).join("");
}

/** The beginning of a good value to the end of another. */
const torn = fc.tuple(
  fc.constantFrom(...GOOD.map(([, value]) => value)),
  fc.nat(),
  fc.uint8Array({ maxLength: 4 }),
).map(([value, at, bytes]) => {
  const whole = encoder.encode(value);
  const cut = at % whole.length;
  return Uint8Array.of(
    ...whole.subarray(0, cut),
    ...bytes,
    ...whole.subarray(cut + 1),
  );
});

const texts = fc.oneof(
  { weight: 3, arbitrary: mutants },
  fc.constantFrom(...GOOD.map(([, value]) => value)),
  json,
  deep,
);

/** Settings that change, and stay as long as they were. */
const settings = fc.record({
  key: fc.constantFrom("a", "b").map((name) => PREFIXES.config + name),
  value: fc.constantFrom("1", "2", undefined),
});

const commits = fc.array(
  fc.uniqueArray(
    fc.oneof(
      settings,
      fc.record({
        key: keys,
        value: fc.option(
          fc.oneof(texts, torn, fc.uint8Array({ maxLength: 9 })),
          { nil: undefined, freq: 4 },
        ),
      }),
    ),
    { selector: ({ key }) => key, minLength: 1, maxLength: 4 },
  ),
  { minLength: 1, maxLength: 8 },
);

/** A lainlet, and what its store held when values were good. */
class Tried implements AsyncDisposable {
  readonly #good = new Map<string, string>();

  private constructor(
    private readonly store: MemoryStore,
    private readonly lainlet: TestLainlet,
    private readonly witness: Witness,
  ) {}

  static async open(): Promise<Tried> {
    const store = new MemoryStore(NEIGHBOURS);
    const lainlet = await new TestLainlet(store).ready();
    return new Tried(store, lainlet, await Witness.open(lainlet.url));
  }

  async commit(written: readonly Written[]): Promise<void> {
    const changes = written.map(({ key, value }) => ({
      key,
      value: typeof value === "string" ? encoder.encode(value) : value,
    }));
    this.store.commit(changes);
    // What happens in this process has happened by then.
    await new Promise((resolve) => setTimeout(resolve));
    const rejected = this.rejected();
    for (const { key, value } of changes) {
      if (value === undefined) this.#good.delete(key);
      else if (!rejected.has(key)) {
        this.#good.set(
          key,
          new TextDecoder("utf-8", { ignoreBOM: true }).decode(value),
        );
      }
    }
  }

  /** Keys with a value that is not taken. */
  rejected(): Set<string> {
    const { cluster } = this.lainlet.lainlet;
    return new Set(
      Object.entries(PREFIXES).flatMap(([name, prefix]) =>
        Object.values(cluster).filter((watcher) => watcher.name === name)
          .flatMap((watcher) => [...watcher.rejected.keys()])
          .map((key) => prefix + key)
      ),
    );
  }

  /** Its responses are those of a lainlet that has just read the last valid values. */
  async agrees(): Promise<void> {
    const fresh = await freshAnswers([...NEIGHBOURS, ...this.#good]);
    await this.witness.agrees(fresh, 3_000);
  }

  /** Makes all that clients show of it. */
  async isShown(): Promise<void> {
    await show(this.lainlet.url);
  }

  async neighbours(): Promise<string[]> {
    const answers = QUESTIONS.map(async (path) => {
      const { status, body } = await get(this.lainlet.url + path);
      return `${path} ${status} ${body}`;
    });
    return await Promise.all(answers);
  }

  /** Goes back to the beginning. */
  clear(): void {
    const keys = new Set([...this.#good.keys(), ...this.rejected()]);
    this.store.commit([...keys].map((key) => ({ key })));
    this.#good.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.witness[Symbol.asyncDispose]();
    await this.lainlet[Symbol.asyncDispose]();
  }
}

/**
 * Whatever is written, other keys do not change, all endpoints respond, and
 * responses, streams and patches are those of a lainlet that has just started;
 * and clients can show it.
 */
export async function values(check: Check): Promise<void> {
  let tried = await Tried.open();
  const neighbours = await tried.neighbours();
  try {
    await check(fc.asyncProperty(commits, async (commits) => {
      try {
        for (const changes of commits) await tried.commit(changes);
        assertEquals(await tried.neighbours(), neighbours);
        await tried.agrees();
        await tried.isShown();
        tried.clear();
      } catch (error) {
        await tried[Symbol.asyncDispose]();
        tried = await Tried.open();
        throw error;
      }
    }));
  } finally {
    await tried[Symbol.asyncDispose]();
  }
}
