import { assert, assertEquals } from "@std/assert";
import { canonical, isObject, parse } from "../../../lib/json.ts";
import { diffJson } from "../../../lib/overview/change_record.ts";
import {
  DEPENDS,
  GROUP,
  type OverviewKind,
} from "../../../lib/overview/kinds.ts";
import { depends } from "../../../lib/watcher/depends.ts";
import { podgroup } from "../../../lib/watcher/podgroup.ts";
import { Random } from "../../util/model.ts";

const STRINGS = [
  "",
  "other",
  'say "it"\n\u0001',
  "\ud800",
  "\u4f8b\u2028",
  "x".repeat(11_000),
  "\u0000".repeat(11_000),
  "y".repeat(70_000),
] as const;
const NUMBERS = [
  "0",
  "-0",
  "7",
  "7.0",
  "0.5",
  "1e300",
  "9223372036854775807",
  "1234567890123456.0",
  "1e400",
] as const;

/** JSON texts as the store could have them: mostly equal, but any part may differ. */
class Texts {
  constructor(private readonly random: Random) {}

  string(usual = "usual"): string {
    return JSON.stringify(this.#isUsual ? usual : this.random.pick(STRINGS));
  }

  number(usual = "1"): string {
    return this.#isUsual ? usual : this.random.pick(NUMBERS);
  }

  list(item: (i: number) => string): string {
    const length = this.#isUsual ? 2 : this.random.below(4);
    const items = Array.from({ length }, (_, i) => item(i));
    return `[${this.#isUsual ? items : items.toReversed()}]`;
  }

  strings(): string {
    return this.#isUsual ? "null" : this.list(() => this.string());
  }

  group(): string {
    return `{"Spec":{"Name":"a.b","Namespace":"a","NumInstances":${this.number()},
      "Pod":{"Annotation":${this.string()},"Containers":[${this.#spec()},${this.#spec()},${this.#spec()}],
      "Dependencies":${
      this.list((i) =>
        `{"PodName":${this.string(`pod${i}`)},"Policy":${this.number()}}`
      )
    }}},"Pods":${this.list((i) => this.#pod(i))},"State":${this.number()}}`;
  }

  depends(): string {
    const portal = () =>
      `{"Spec":{"Annotation":${this.string()}},"Pod":{"Containers":${
        this.list((i) =>
          `{"Id":${this.string(`${i}`)},"ContainerPort":${this.number()}}`
        )
      }}}`;
    return this.#object(() => this.#object(portal));
  }

  get #isUsual(): boolean {
    return this.random.below(20) > 0;
  }

  #object(value: () => string): string {
    const names = ["b", "10", "a", "9", "__proto__", "constructor"]
      .filter(() => this.random.below(3) > 0);
    return `{${names.map((name) => `"${name}":${value()}`)}}`;
  }

  #spec(): string {
    return `{"Command":${this.strings()},"Env":${this.strings()},"Image":${this.string()},
      "CpuLimit":${this.number()},"MemoryLimit":${
      this.number("4096")
    },"Expose":${this.number()}}`;
  }

  #pod(i: number): string {
    return `{"InstanceNo":${this.number(`${i + 1}`)},"Containers":${
      this.list(() =>
        `{"Id":${this.string()},"ContainerIp":${this.string()},"ContainerPort":${this.number()}}`
      )
    },"RestartCount":${this.number()},"LastError":${this.string("")}}`;
  }
}

/** A reference implementation: parses both texts, and compares all parts by name. */
function plainDiff(before: string, after: string): string | undefined {
  if (before === after) return undefined;
  const told = (text: string) =>
    text.length > 65_536 ? `"(${text.length} characters)"` : text;
  if (Math.max(before.length, after.length) > 65_536) {
    return `[{"after":${told(after)},"before":${told(before)},"path":[]}]`;
  }
  const found: unknown[] = [];
  const find = (
    path: readonly unknown[],
    before: unknown,
    after: unknown,
  ): void => {
    const [old, now] = partsOf(before, after);
    if (old === undefined || now === undefined) {
      if (canonical(before) !== canonical(after)) {
        found.push({ path, before, after });
      }
      return;
    }
    for (const [name, [step, before]] of old) {
      if (!now.has(name)) found.push({ path: [...path, step], before });
    }
    for (const [name, [step, after]] of now) {
      const known = old.get(name);
      if (known === undefined) found.push({ path: [...path, step], after });
      else find([...path, step], known[1], after);
    }
  };
  find([], parse(before), parse(after));
  return found.length === 0 ? undefined : JSON.stringify(found);
}

type Parts = Map<unknown, readonly [step: unknown, value: unknown]>;

function partsOf(a: unknown, b: unknown): [Parts?, Parts?] {
  if (isObject(a) && isObject(b)) {
    const parts = (value: object): Parts =>
      new Map(Object.entries(value).map((entry) => [entry[0], entry]));
    return [parts(a), parts(b)];
  }
  if (!Array.isArray(a) || !Array.isArray(b)) return [];
  const isTold = (list: unknown[], name: string) => {
    const all = new Set(list.map((item) => Object(item)[name]));
    return all.size === list.length && !all.has(undefined);
  };
  const name = ["InstanceNo", "PodName"]
    .find((name) => isTold(a, name) && isTold(b, name));
  const parts = (list: unknown[]): Parts =>
    new Map(
      list.map((item, i) => [
        name === undefined ? i : Object(item)[name],
        [i, item],
      ]),
    );
  return [parts(a), parts(b)];
}

/** Compares differences with the reference implementation's. @returns how many pairs were compared, and how many of them do not differ */
function compare<T extends object>(
  kind: OverviewKind<T>,
  read: () => T,
  rounds: number,
): { told: number; same: number } {
  const sums = { told: 0, same: 0 };
  let previous: T | undefined;
  for (let i = 0; i < rounds; i++) {
    let value: T;
    try {
      value = read();
    } catch {
      continue; // It would be rejected.
    }
    if (previous !== undefined) {
      const diff = diffJson(kind, { key: "a/a.b", previous, value });
      assertEquals(diff, plainDiff(kind.encode(previous), kind.encode(value)));
      if (diff === undefined) sums.same++;
      else sums.told++;
    }
    previous = value;
  }
  return sums;
}

Deno.test("change records: differences are those of a reference implementation", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => {
    const texts = new Texts(new Random(seed));
    const groups = compare(
      GROUP,
      () => podgroup.parse("a/a.b", texts.group()),
      3_000,
    );
    assert(groups.told > 1_000 && groups.same > 0, JSON.stringify(groups));
    const services = compare(
      DEPENDS,
      () => depends.parse("a.portal.portal-a", texts.depends()),
      2_000,
    );
    assert(services.told > 1_000, JSON.stringify(services));
  });
});
