/**
 * Several views on one stream belong together, whatever is written; of a
 * lainlet that runs as a process and follows a real etcd.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { get } from "../util/client.ts";
import { applyMergePatch } from "../../lib/client/patch.ts";
import { TestEtcd } from "../util/etcd.ts";
import { Frames } from "../util/frames.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { Random } from "../util/model.ts";
import { eventually } from "../util/process.ts";

const NODE = "n:10.0.0.1:22";
const GROUP = "/lain/deployd/pod_groups/console/console.web.web";
const SUPER = "/lain/config/super_apps/console";
/** An address of the app `console`. */
const CONSOLE = "127.0.0.5";

const group = (number: number) =>
  JSON.stringify({
    Spec: {
      Name: "console.web.web",
      Namespace: "console",
      Pod: { Containers: [{ Expose: number }] },
    },
    Pods: [{ InstanceNo: 1, Containers: [{ ContainerIp: CONSOLE }] }],
  });

/** What belongs together: a number in three subtrees. */
const trio = (number: number) => ({
  "/lain/config/n": `${number}`,
  [`/lain/nodes/nodes/${NODE}`]: `{"n":${number}}`,
  [GROUP]: group(number),
});

const VIEWS = [
  "configwatcher?target=n",
  "nodes",
  "proxywatcher?appname=console",
];
const SEARCH = new URLSearchParams(VIEWS.map((view) => ["view", view]));

/** The number in the state of each view. */
const NUMBERS: Record<string, (state: unknown) => unknown> = {
  "configwatcher?target=n": (state) => Number(at(state, "n")),
  "nodes": (state) => at(state, NODE, "n"),
  "proxywatcher?appname=console": (state) =>
    at(state, "console.web.web", "containers", "0", "container_port"),
};

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce((inner, name) => Object(inner)[name], value);
}

/** Reads until a number has come, and looks that at each revision all are the same. */
async function follow(frames: Frames, last: number): Promise<number> {
  const states = new Map<string, unknown>();
  const numbers = () => VIEWS.map((view) => NUMBERS[view]?.(states.get(view)));
  let [revision, revisions] = [0, 0];
  for (;;) {
    const frame = await frames.frame();
    if (frame.revision !== revision) {
      assert(frame.revision > revision, "a revision comes once, in order");
      if (revision > 0) assertEquals(new Set(numbers()).size, 1);
      revision = frame.revision;
      revisions++;
    }
    const [event = "", view = ""] = frame.event?.split(/ (.*)/) ?? [];
    const state = event === "patch"
      ? applyMergePatch(states.get(view), frame.data)
      : frame.data;
    assertEquals(states.has(view), event !== "init");
    states.set(view, state);
    if (numbers().every((number) => number === last)) return revisions;
  }
}

for (const [target, threads] of [["source", 1], ["binary", 3]] as const) {
  Deno.test(`${target}, threads: ${threads}: views on one stream are of one revision`, async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = new Random(seed);
    await using etcd = await TestEtcd.start();
    const big = "x".repeat(500_000);
    await etcd.write({ ...trio(0), [SUPER]: "x", "/lain/config/nbig": big });
    await using lainlet = await LainletProcess.start(target, [
      `--etcd=${etcd.endpoint}`,
      `--workers=${threads}`,
    ]);
    const url = `${lainlet.url}/v2/watch?${SEARCH}`;
    const ones = () => Array.from({ length: 2 * threads }, (_, i) => i);

    await t.step(`under random transactions (seed ${seed})`, async () => {
      await using stack = new AsyncDisposableStack();
      const listeners = await Promise.all(
        ones().map(async () =>
          stack.use(await Frames.open(`${url}&patch=merge`))
        ),
      );
      const last = 200;
      const followed = listeners.map((one) => follow(one, last));
      for (let i = 1; i <= last; i++) {
        const foreign = random.below(3) === 0
          ? { [`/lain/config/other${random.below(5)}`]: `${i}` }
          : {};
        await etcd.write({ ...trio(i), ...foreign });
        // What one of them alone is written with changes nothing that is shown.
        if (random.below(2) === 0) {
          await etcd.write({ "/lain/config/m": `${i}` });
        }
      }
      for (const revisions of await Promise.all(followed)) {
        assert(revisions > 1, `${revisions}`);
      }
    });

    await t.step("also for a slow client, which skips states", async () => {
      await using stack = new AsyncDisposableStack();
      const slow = await Promise.all(
        ones().map(async () => stack.use(await Frames.open(url))),
      );
      const last = 300;
      for (let i = 201; i <= last; i++) await etcd.write(trio(i));
      for (const one of slow) {
        assert(await follow(one, last) < 100);
      }
    });

    await t.step("each with its rights", async () => {
      await using listener = await Frames.open(url, undefined, CONSOLE);
      const events = [];
      for (let i = 0; i < 3; i++) events.push((await listener.frame()).event);
      assertEquals(events, VIEWS.map((view) => `init ${view}`));
      await etcd.write({ [SUPER]: null });
      // What super callers see of the config is not what others see.
      for (const view of ["configwatcher?target=n", "nodes"]) {
        const { event, data } = await listener.frame();
        assertEquals(
          [event, data],
          [`error ${view}`, "authorize failed, super required"],
        );
      }
      await etcd.write(trio(1_000));
      const { event, data } = await listener.frame();
      const [, , view = ""] = VIEWS;
      assertEquals([event, NUMBERS[view]?.(data)], [`update ${view}`, 1_000]);
      await using none = await Frames.open(
        `${lainlet.url}/v2/watch?view=nodes&view=appswatcher`,
        undefined,
        CONSOLE,
      );
      for (const view of ["nodes", "appswatcher"]) {
        const { event } = await none.frame();
        assertEquals(event, `error ${view}`);
      }
      assertEquals(await none.next(), undefined);
      for (const search of ["", "?view=nosuch", "?view=nodes%0Aid:%201"]) {
        const { status } = await get(`${lainlet.url}/v2/watch${search}`);
        assertEquals(status, 400);
      }
    });

    const path = `/v2/watch?${SEARCH}&patch=merge`;
    let id = "";
    /** What comes of each view first: its event, or that it is unchanged; and the number in it. */
    const first = async (stream: Frames) => {
      const came = [];
      for (const view of VIEWS) {
        const { isUnchanged, event, data, ...frame } = await stream.frame();
        id = frame.id ?? id;
        came.push(
          isUnchanged ? "unchanged" : [event, NUMBERS[view]?.(data)],
        );
      }
      return came;
    };
    const goOn = async (base: string, since: string, from?: string) => {
      await using stream = await Frames.open(base + path, since, from);
      return await first(stream);
    };
    const each = (event: string, number: number) =>
      VIEWS.map((view) => [`${event} ${view}`, number]);
    const nothing = VIEWS.map(() => "unchanged");

    await t.step(
      "a client that reconnects resumes, on this lainlet and another one",
      async () => {
        await using other = await LainletProcess.start("source", [
          `--etcd=${etcd.endpoint}`,
        ]);
        await using here = await Frames.open(lainlet.url + path);
        assertEquals(await first(here), each("init", 1_000));
        const old = id;
        await using there = await Frames.open(other.url + path, old);
        assertEquals(await first(there), nothing);
        await etcd.write(trio(1_001));
        for (const stream of [here, there]) {
          assertEquals(await first(stream), each("patch", 1_001));
        }
        const newest = id;
        for (const base of [...ones().map(() => lainlet.url), other.url]) {
          assertEquals(await goOn(base, old), each("patch", 1_001));
          assertEquals(id, newest);
          assertEquals(await goOn(base, newest), nothing);
        }
      },
    );

    await t.step(
      "after a restart, with what was written meanwhile",
      async () => {
        const known = id;
        await etcd.write({ "/lain/config/n": "1002" });
        await using again = await LainletProcess.start(target, [
          `--etcd=${etcd.endpoint}`,
          `--workers=${threads}`,
        ]);
        const [config = ""] = VIEWS;
        const came = [[`init ${config}`, 1_002], "unchanged", "unchanged"];
        assertEquals(await goOn(again.url, known), came);
        assertEquals(await goOn(again.url, id), nothing);
      },
    );

    await t.step("within its rights", async () => {
      const [config, nodes, proxy] = VIEWS;
      await using less = await Frames.open(lainlet.url + path, id, CONSOLE);
      const { event, id: left = "" } = await less.frame();
      assertEquals(event, `error ${nodes}`);
      // What it may see no more is not what it has.
      assertEquals(left, id.replace(/\..*\./, ".."));
      for (const view of [config, proxy]) {
        assertEquals(
          (await less.next())?.split("\n").at(-1),
          `: unchanged ${view}`,
        );
      }
      await etcd.write(trio(1_003));
      assertEquals((await less.frame()).event, `patch ${config}`);
      const { event: last, id: own = "" } = await less.frame();
      assertEquals([last, own.split(".")[1]], [`patch ${proxy}`, ""]);
      await etcd.write({ [SUPER]: "x" });
      await eventually("it may see all again", async () => {
        const { status } = await get(`${lainlet.url}/v2/nodes`, CONSOLE);
        return status === 200 || undefined;
      });
      const came = ["unchanged", [`init ${nodes}`, 1_003], "unchanged"];
      assertEquals(await goOn(lainlet.url, own, CONSOLE), came);
    });
  });
}
