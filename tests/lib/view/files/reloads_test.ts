/**
 * Reloads of API files that come often, or bring back what was there before.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as apis from "../../../../apis/mod.ts";
import { MemoryStore } from "../../../../lib/store/memory.ts";
import { ApiFiles } from "../../../../lib/view/files/files.ts";
import { apiFile, ApiFolder, PODS_PATH } from "../../../util/api_files.ts";
import { ApiScene } from "../../../util/api_scene.ts";
import { CapturedLog } from "../../../util/captured_log.ts";
import { Stream } from "../../../util/client.ts";
import { TestLainlet } from "../../../util/lainlet.ts";

const PATH = `${PODS_PATH}?appname=blog`;

/** A view of pod groups whose members are a number. */
function file(number: number, fields: Record<string, string> = {}): string {
  return apiFile({ piece: `({ name }) => [[name, "${number}"]]`, ...fields });
}

function answer(number: number) {
  return { "blog.web.web": number };
}

Deno.test("API files: one that is put back, changed, serves what it is now", async () => {
  await using scene = await ApiScene.set({ "a.js": file(1) });
  await scene.reload({ "a.js": null });
  await scene.reload({ "a.js": file(2) });
  assertEquals(await scene.json(PATH), answer(2));
  // The same where two names lead to one file.
  await Deno.symlink(`${scene.folder.path}/a.js`, `${scene.folder.path}/b.js`);
  const changed = file(3, { paths: '["/v2/other"]' });
  await scene.reload({ "a.js": changed });
  await Deno.rename(
    `${scene.folder.path}/a.js`,
    `${scene.folder.path}/a.text`,
  );
  await Deno.remove(`${scene.folder.path}/b.js`);
  await Deno.symlink(
    `${scene.folder.path}/a.text`,
    `${scene.folder.path}/c.js`,
  );
  await scene.reload({ "a.text": file(4) });
  assertEquals(await scene.json(PATH), answer(4));
});

Deno.test("API files: a path that another file takes is given back, each time", async () => {
  await using scene = await ApiScene.set({ "b.js": file(2) });
  await using stream = await scene.stream(`${PATH}&watch=1`);
  const next = async () => (await stream.next())?.data;
  assertEquals(await next(), answer(2));
  for (let i = 0; i < 3; i++) {
    await scene.reload({ "a.js": file(1) });
    assertEquals([await next(), await scene.json(PATH)], [
      answer(1),
      answer(1),
    ]);
    await scene.reload({ "a.js": null });
    assertEquals([await next(), await scene.json(PATH)], [
      answer(2),
      answer(2),
    ]);
  }
});

Deno.test("API files: a file that could not be served has all its paths again", async () => {
  await using scene = await ApiScene.set({
    "b.js": file(2, { paths: '["/v2/b", "/v2/both"]' }),
  });
  await scene.reload({ "a.js": file(1, { paths: '["/v2/both"]' }) });
  assertEquals((await scene.get("/v2/b")).status, 404);
  await scene.reload({ "a.js": null });
  for (const path of ["/v2/b", "/v2/both"]) {
    assertEquals(await scene.json(`${path}?appname=blog`), answer(2));
  }
});

Deno.test("API files: a stream that waits for the store ends when its endpoint is removed", async () => {
  await using folder = await ApiFolder.make({ "a.js": file(1) });
  const builtIn = Object.values(apis);
  const apiFiles = new ApiFiles({ folder: folder.path, builtIn });
  // Without a key it counts as not read.
  await using test = new TestLainlet(new MemoryStore(), { apiFiles });
  await test.lainlet.reloadApis();
  await using stream = await Stream.open(`${test.url}${PATH}&watch=1`);
  await folder.write({ "a.js": null });
  await test.lainlet.reloadApis();
  assertEquals((await stream.next())?.data, "the endpoint was removed");
  assertEquals(await stream.next(), undefined);
});

Deno.test("API files: reloads that come at once are one after the present one", async () => {
  using log = new CapturedLog();
  await using scene = await ApiScene.set({ "a.js": file(1) });
  const { lainlet } = scene.test;
  const loads = () => log.about(/API files are loaded/).length;
  const before = loads();
  const first = lainlet.reloadApis();
  await scene.folder.write({ "a.js": file(2) });
  await Promise.all([
    first,
    ...Array.from({ length: 20 }, () => lainlet.reloadApis()),
  ]);
  assertEquals(loads() - before, 2);
  assertEquals(await scene.json(PATH), answer(2));
});

Deno.test("API files: of more than a hundred, the others are not read", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `${i + 100}.js`);
  await using scene = await ApiScene.set({
    ...Object.fromEntries(names.map((name) => [name, "export default 1;"])),
    "100.js": file(1),
    "200.js": "globalThis.lainletTestRan = true;",
  });
  assert(!("lainletTestRan" in globalThis));
  assertEquals((await scene.statuses()).length, 100);
  const { apis } = Object(await scene.json("/debug"));
  assertEquals(
    apis.problem,
    "it has 101 files: only the first 100 are used",
  );
  assertEquals(await scene.json(PATH), answer(1));
  await scene.reload({ "200.js": null });
  assertEquals(Object(await scene.json("/debug")).apis.problem, "");
});

Deno.test("API files: a stream follows the path that it requested", async () => {
  const paths = (...all: string[]) => ({ paths: JSON.stringify(all) });
  const [one, two] = ["/v2/one", "/v2/two"];
  await using scene = await ApiScene.set({ "a.js": file(1, paths(one, two)) });
  const app = "?appname=blog";
  await using first = await scene.stream(`${one}${app}&watch=1`);
  await using second = await scene.stream(`${two}/${app}&watch=1`);
  await using joint = await scene.stream(
    `/v2/watch?view=${encodeURIComponent(`two${app}`)}`,
  );
  const streams = [first, second, joint];
  const next = () =>
    Promise.all(streams.map(async (one) => (await one.next())?.data));
  assertEquals(await next(), [answer(1), answer(1), answer(1)]);

  // Another file takes the first path.
  const others = { "a.js": file(2, paths(two)), "b.js": file(3, paths(one)) };
  await scene.reload(others);
  assertEquals(await next(), [answer(3), answer(2), answer(2)]);
  assertEquals(await scene.json(two + app), answer(2));

  // Of a file that is still served, one path is removed.
  await scene.reload({ "a.js": file(4, paths("/v2/other")) });
  const removed = "the endpoint was removed";
  assertEquals(
    await Promise.all([second, joint].map(async (one) => await one.next())),
    [
      { id: "0", event: "error", data: removed },
      { id: "0", event: `error two${app}`, data: removed },
    ],
  );
  await scene.reload({ "b.js": file(5, paths(one)) });
  assertEquals((await first.next())?.data, answer(5));
});
