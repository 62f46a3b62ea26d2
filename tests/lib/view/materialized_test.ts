import { assert, assertEquals, assertThrows } from "@std/assert";
import * as apis from "../../../apis/mod.ts";
import {
  Blocks,
  differences,
  fragment,
} from "../../../lib/broadcast/blocks.ts";
import type { State } from "../../../lib/broadcast/state.ts";
import { Unavailable } from "../../../lib/errors.ts";
import { messageFrame } from "../../../lib/grpc/message.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { MaterializedFragments } from "../../../lib/view/materialized.ts";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

Deno.test("fragments are made from what keys contribute, in key order", () => {
  const fragments = new MaterializedFragments<number>((name, contributions) =>
    fragment(name, encoder.encode(contributions.join()))
  );
  const now = () =>
    Object.fromEntries(
      Array.from(
        fragments.blocks,
        ({ name, bytes }) => [name, decoder.decode(bytes)],
      ),
    );
  fragments.update([
    { key: "b", before: [], after: [["x", 2]] },
    { key: "a", before: [], after: [["x", 1], ["y", 1]] },
  ]);
  assertEquals(now(), { x: "1,2", y: "1" });
  fragments.update([
    { key: "a", before: [["x", 1], ["y", 1]], after: [["x", 3]] },
  ]);
  assertEquals(now(), { x: "3,2" });
  fragments.update([{ key: "b", before: [["x", 2]], after: [["z", 2]] }]);
  assertEquals(now(), { x: "3", z: "2" });
  fragments.update([
    { key: "a", before: [["x", 3]], after: [] },
    { key: "b", before: [["z", 2]], after: [] },
  ]);
  assertEquals(now(), {});
});

/** The key and value of a web group that also has a stream port. */
function webGroup(app: string, ip: string): [key: string, value: string] {
  const spec = {
    app,
    proc: "web.web",
    port: 8080,
    annotation: { ports: [{ srcport: 4000, dstport: 8080 }] },
    instances: [{ node: { name: "node1", ip: "192.168.77.21" }, ip }],
  };
  return [groupKey(spec), groupValue(spec)];
}

function blocksOf({ content }: State): Blocks {
  assert(content instanceof Blocks, "the state is recomputed as a whole");
  return content;
}

Deno.test("views: a change encodes what it changes, by HTTP and by gRPC, also where a guard decides", async (t) => {
  const apps = Array.from({ length: 200 }, (_, i) => `app${i}`);
  for (const view of [apis.webrouterWebprocs, apis.streamrouterStreamprocs]) {
    assert(view.rpc);
    const forms = { HTTP: view, gRPC: view.rpc.framedBy(messageFrame) };
    for (const [form, definition] of Object.entries(forms)) {
      await t.step(`${view.paths[0]} by ${form}`, async () => {
        const store = new MemoryStore(
          apps.map((app, i) => webGroup(app, `172.20.0.${i}`)),
        );
        await using server = await new TestLainlet(store).ready();
        const { lainlet } = server;
        const { podgroup } = lainlet.cluster;
        const query = lainlet.views.query(new URLSearchParams(), "127.0.0.1");
        const selection = definition.select(query);
        const source = definition.source(lainlet, selection)
          .subscribe(() => {});
        const put = async (...groups: [key: string, value: string][]) => {
          const { changes } = podgroup;
          for (const [key, value] of groups) store.put(key, value);
          await eventually(
            "the change is here",
            () => podgroup.changes === changes + groups.length || undefined,
          );
        };
        const before = blocksOf(source.render());
        await put(webGroup("app7", "172.20.1.7"));
        const after = blocksOf(source.render());
        const changed = [...differences(before.blocks, after.blocks)];
        assertEquals(changed.length, 1);
        const old = new Set(before);
        assertEquals([...after].filter((one) => !old.has(one)).length, 1);
        await put(...apps.slice(0, 101).map((app) => webGroup(app, "")));
        assertThrows(
          () => source.render(),
          Unavailable,
          "over half of the containers lost their IPs",
        );
        await put(webGroup("app7", "172.20.1.8"));
        assertEquals(blocksOf(source.render()).count, apps.length);
        source.end();
      });
    }
  }
});
