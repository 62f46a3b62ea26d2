/**
 * The history of changes over restarts of lainlet.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ChangeLog } from "../../../lib/overview/change_log.ts";
import { recordOf } from "../../../lib/overview/change_record.ts";
import {
  decodeHistory,
  encodeHistory,
} from "../../../lib/overview/saved_log.ts";
import { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import type { SavedStore, SaveTimes } from "../../../lib/store/saved/store.ts";
import type { Store } from "../../../lib/store/store.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { get } from "../../util/client.ts";
import { CapturedLog } from "../../util/captured_log.ts";
import { TestEtcd } from "../../util/etcd.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { becomes, eventually } from "../../util/process.ts";
import { Folder } from "../store/saved/folder.ts";

const NAMES = ["a", "b", "c"];

/** A lainlet that saves its state and its history. */
class Saving implements AsyncDisposable {
  private constructor(
    readonly lainlet: TestLainlet,
    private readonly saved: SavedStore,
  ) {}

  static async start(
    folder: Folder,
    store: Store,
    times?: SaveTimes,
  ): Promise<Saving> {
    const saved = await folder.open(store, times);
    const lainlet = new TestLainlet(saved, { historyKeeper: saved });
    const { changeLog } = lainlet.lainlet;
    await eventually(
      "the store is read",
      () => changeLog.history.begin !== "" || undefined,
    );
    return new Saving(lainlet, saved);
  }

  async json(path: string) {
    return JSON.parse((await get(this.lainlet.url + path)).body);
  }

  /** The changes: their numbers, what they are of, and whether only their result is known. */
  async changes(): Promise<string[]> {
    const all: [string, Record<string, unknown>][] = Object.entries(
      await this.json("/v2/changes"),
    );
    return all.map(([number, { change, earliest, name }]) =>
      `${Number(number)} ${name} ${change}${earliest ? ", compared" : ""}`
    );
  }

  /** The same without the numbers. */
  async changesOnly(): Promise<string[]> {
    return (await this.changes()).map((one) => one.replace(/^\d+ /, ""));
  }

  /** Ends as after SIGKILL: nothing is written any more. */
  async kill(): Promise<void> {
    await this.lainlet[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.saved.close();
  }
}

Deno.test("history: after a restart it says since when a pod has a problem, though it was written again", async () => {
  await using folder = new Folder();
  const group = (health: "healthy" | "starting", updated: string) => ({
    app: "a",
    proc: "web.web",
    instances: [{
      node: { name: "n1", ip: "192.0.2.1" },
      ip: "172.20.0.1",
      state: "success" as const,
      health,
      updated,
    }],
  });
  const key = groupKey(group("healthy", ""));
  const early = "2026-01-15T12:00:00.000Z";
  const store = new MemoryStore([[key, groupValue(group("healthy", early))]]);
  const sinceOf = async ({ lainlet }: Saving) => {
    const { body } = await get(`${lainlet.url}/v2/pods`);
    return JSON.parse(body)["a.web.web/1"];
  };
  let began = "";
  {
    await using first = await Saving.start(folder, store);
    store.put(key, groupValue(group("starting", early)));
    began = await eventually(
      "it is starting",
      async () => (await sinceOf(first)).since?.health,
    );
    // Written again, as it is, before lainlet starts again.
    store.put(key, groupValue(group("starting", new Date().toISOString())));
    await eventually(
      "it is read",
      async () => (await sinceOf(first)).updated !== early || undefined,
    );
  }
  await using second = await Saving.start(folder, store);
  const { since, updated } = await sinceOf(second);
  assert(Math.abs(Date.parse(since.health) - Date.parse(began)) < 1_000);
  assert(since.health < updated);
});

Deno.test("history: it survives a restart; what changed meanwhile is found by comparing", async () => {
  await using folder = new Folder();
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  let begin = "";
  {
    await using first = await Saving.start(folder, store);
    begin = (await first.json("/debug")).history.begin;
    store.put("/lain/config/a", "2");
    store.put("/lain/config/b", "1");
    await becomes("they are recorded", () => first.changes(), [
      "1 a changed",
      "2 b added",
    ]);
    assertEquals((await first.json("/debug")).history, { begin, gaps: [] });
  }
  const stopped = Date.now();
  store.put("/lain/config/b", "lost");
  store.put("/lain/config/b", "2");
  {
    await using second = await Saving.start(folder, store);
    const wanted = ["1 a changed", "2 b added", "3 b changed, compared"];
    await becomes("all is there", () => second.changes(), wanted);
    const { "0000000003": found } = await second.json("/v2/changes");
    assertEquals(found.diff, [{ path: [], before: "1", after: "2" }]);
    assert(Date.parse(found.earliest) <= stopped);
    assert(Date.parse(found.time) >= stopped);
    const { history } = await second.json("/debug");
    assertEquals(history.begin, begin);
    const [gap, ...others] = history.gaps;
    assertEquals(others, []);
    assert(begin <= gap.begin && Date.parse(gap.begin) <= stopped);
    assert(Date.parse(gap.end) >= stopped);
    assertEquals(
      (await second.json("/v2/overview"))["lainlet/present"].history,
      history,
    );
    store.put("/lain/config/c", "1");
    wanted.push("4 c added");
    await becomes("numbers go on", () => second.changes(), wanted);
  }
  {
    // Nothing changed: there is a gap all the same.
    await using third = await Saving.start(folder, store);
    assertEquals((await third.changes()).length, 4);
    assertEquals((await third.json("/debug")).history.gaps.length, 2);
  }
});

Deno.test("history: after a crash nothing is lost, and nothing is there twice", async () => {
  await using folder = new Folder();
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  // After the first write, which follows the first read, nothing is written.
  const times = { every: 3_600_000 };
  const lost: number[] = [];
  for (let i = 1; i <= 3; i++) {
    store.put("/lain/config/b", `before ${i}`);
    const one = await Saving.start(folder, store, times);
    const size = async () => (await Deno.stat(folder.file)).mtime?.getTime();
    const before = (await one.changes()).length;
    await eventually("it is written", async () => {
      const { notes } = await notesIn(folder);
      return notes === before || undefined;
    });
    const written = await size();
    store.put("/lain/config/a", `${i}`);
    await eventually(
      "it is recorded",
      async () => (await one.changes()).length === before + 1 || undefined,
    );
    const last = (await one.changes()).at(-1) ?? "";
    lost.push(parseInt(last));
    await one.kill();
    assertEquals(await size(), written);
  }
  await using last = await Saving.start(folder, store);
  await becomes("all is there", () => last.changesOnly(), [
    "a changed, compared",
    "b changed, compared",
    "a changed, compared",
    "b changed, compared",
    "a changed, compared",
  ]);
  // A client may know the numbers that were lost.
  const numbers = (await last.changes()).map((one) => parseInt(one));
  assertEquals(numbers, [...new Set(numbers)].toSorted((a, b) => a - b));
  assertEquals(lost.filter((one) => numbers.includes(one)), []);
});

/** How many records the file holds. */
async function notesIn(folder: Folder): Promise<{ notes?: number }> {
  const reader = await folder.open(new MemoryStore());
  const saved = reader.keepNotes({ take: () => [], discard: () => {} });
  await reader.close();
  return { notes: saved && decodeHistory(saved.notes).records.length };
}

Deno.test("history: that of another cluster at the same endpoints is not used", async () => {
  await using folder = new Folder();
  {
    await using one = await TestEtcd.start();
    await one.write({ "/lain/config/a": "1" });
    await using first = await Saving.start(
      folder,
      new EtcdStore([one.endpoint]),
    );
    await one.write({ "/lain/config/a": "2" });
    await becomes("it is recorded", () => first.changes(), ["1 a changed"]);
  }
  await using other = await TestEtcd.start();
  await other.write({ "/lain/config/a": "3", "/lain/config/b": "1" });
  const started = Date.now();
  await using second = await Saving.start(
    folder,
    new EtcdStore([other.endpoint]),
  );
  const begun = await eventually("it begins", async () => {
    const { begin, gaps } = (await second.json("/debug")).history;
    return Date.parse(begin) >= started && gaps.length === 0 || undefined;
  });
  assertEquals(begun, true);
  assertEquals(await second.changes(), []);
  await other.write({ "/lain/config/b": "2" });
  await becomes("it goes on", () => second.changesOnly(), ["b changed"]);
});

Deno.test("history: numbers go on after records that were dropped", async () => {
  await using folder = new Folder();
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  for (const number of [1, 2, 3]) {
    const saved = await folder.open(store);
    const lainlet = new TestLainlet(saved);
    const log = new ChangeLog(lainlet.lainlet.cluster, {
      keeper: saved,
      maxEntries: 0,
    });
    await eventually("the store is read", () => log.history.begin || undefined);
    const numbers: number[] = [];
    log.subscribe("topics", (changes) => {
      for (const { value } of changes) if (value) numbers.push(value.number);
    });
    store.put("/lain/config/a", `${number}`);
    await becomes("it is recorded", () => numbers, [number]);
    await lainlet[Symbol.asyncDispose]();
    await saved.close();
  }
});

Deno.test("history: when the clock was set back it begins now, and no gap is to come", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const { cluster } = lainlet.lainlet;
  const begin = Date.now() + 3_600_000;
  const gap = { begin: begin + 1_000, end: begin + 2_000 };
  const time = begin + 3_000;
  const record = recordOf({ app: "", kind: "config", number: 7, time }, "{}");
  const notes = [
    ...encodeHistory({ begin, gaps: [gap], records: [record], count: 7 }),
  ];
  const log = new ChangeLog(cluster, {
    keeper: { keepNotes: () => ({ notes, at: begin + 4_000 }) },
    maxEntries: 1,
  });
  await eventually(
    "the last gap is over",
    () => log.history.gaps.length === 2 || undefined,
  );
  const times = () => [
    log.history.begin,
    ...log.history.gaps.flatMap(({ begin, end }) => [begin, end]),
  ];
  const isPast = (text: string) => Date.parse(text) <= Date.now();
  assert(times().every(isPast), times().join());
  store.put("/lain/config/a", "1");
  const first = await eventually("the first is dropped", () => {
    const [first] = log.records();
    return first?.number === 8 ? first : undefined;
  });
  assert(times().every(isPast), times().join());
  assert(first.time <= Date.now());
});

Deno.test("history: an unreadable one is one line in the log, and begins again", async () => {
  using logged = new CapturedLog();
  const notes = [new TextEncoder().encode('{"begin":"yesterday"}')];
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  await using lainlet = new TestLainlet(store, {
    historyKeeper: { keepNotes: () => ({ notes, at: 0 }) },
  });
  const { changeLog } = lainlet.lainlet;
  await eventually("it begins", () => changeLog.history.begin || undefined);
  assertEquals(changeLog.history.gaps, []);
  const told = logged.lines.filter((line) => line.includes("history"));
  assertEquals(told.length, 1);
  assertMatch(told[0] ?? "", /the saved history is malformed, and is not used/);
});

Deno.test("history: it begins after the last record that was dropped, and its gaps with it", async () => {
  const store = new MemoryStore([["/lain/config/a", "0"]]);
  await using lainlet = await new TestLainlet(store).ready();
  const { cluster } = lainlet.lainlet;
  const begin = Date.now() - 60_000;
  const gap = { begin: begin + 1_000, end: begin + 2_000 };
  const notes = [
    ...encodeHistory({ begin, gaps: [gap], records: [], count: 0 }),
  ];
  const log = new ChangeLog(cluster, {
    keeper: { keepNotes: () => ({ notes, at: begin + 3_000 }) },
    maxEntries: NAMES.length,
  });
  await eventually(
    "the last gap is over",
    () => log.history.gaps.length === 2 || undefined,
  );
  assertEquals(Date.parse(log.history.begin), begin);
  for (const i of [1, 2]) {
    for (const name of NAMES) store.put(`/lain/config/${name}`, `${i}`);
  }
  const last = await eventually("the first are dropped", () => {
    const [first] = log.records();
    return first?.number === 1 + NAMES.length ? first : undefined;
  });
  assert(Date.parse(log.history.begin) <= last.time);
  assert(Date.parse(log.history.begin) > gap.end);
  assertEquals([...log.records()].length, NAMES.length);
  assert(log.history.gaps.every(({ end }) => end > log.history.begin));
});
