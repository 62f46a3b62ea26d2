import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { bundle, LICENSES } from "../../scripts/bundle.ts";
import { get } from "../util/client.ts";
import { eventually, freePort, Program } from "../util/process.ts";

/** What a folder holds, by path. */
async function contentOf(
  folder: string,
  prefix = "",
): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${prefix}${name}`;
    if (isDirectory) {
      const below = await contentOf(`${folder}/${name}`, `${path}/`);
      for (const [path, text] of below) content.set(path, text);
    } else content.set(path, await Deno.readTextFile(`${folder}/${name}`));
  }
  return content;
}

/** A script and all that it imports before it runs. */
function staticClosure(
  path: string,
  content: ReadonlyMap<string, string>,
  found: string[] = [],
): string[] {
  if (found.includes(path)) return found;
  found.push(path);
  const text = content.get(path) ?? "";
  for (
    const [, to = ""] of text.matchAll(
      /^(?:import|export|\})[^"(\n]*"\.\/([^"]+)";$/gm,
    )
  ) staticClosure(`js/${to}`, content, found);
  return found;
}

Deno.test("bundle: the same each time, of no machine, names kept, with everybody's license, and it runs", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  const { main, included } = await bundle(folder);
  const made = await contentOf(folder);
  const scripts = made.entries().filter(([path]) => path.startsWith("js/"))
    .map(([, text]) => text).toArray().join("\n");
  const has = (pattern: RegExp) => pattern.test(scripts);

  await t.step("the same each time", async () => {
    await bundle(folder);
    assertEquals(await contentOf(folder), made);
  });
  await t.step("it does not contain the path of the build", () => {
    assert(has(/^\/\/ npm:etcd3@[\d.]+\/lib\/index\.js$/m));
    assert(!has(/^\/\/ \.\.\//m) && !has(/^ *"\.\.\/.*\{$/m));
    assert(!scripts.includes(Deno.cwd()));
  });
  await t.step("stack traces in the log have names", () => {
    assert(has(/^ *fail\(error\w*\) \{$/m));
    assert(has(/\bEtcdConnection = class\b/));
  });
  await t.step(
    "a shell that completes a word does not wait for the rest of it",
    () => {
      const roots = ["main", "lib/cli/mod", "lib/cli/completions"].map((
        module,
      ) =>
        made.entries().find(([, text]) => text.includes(`// ${module}.ts\n`))
          ?.[0]
      );
      const loaded = roots.flatMap((path = "") => staticClosure(path, made));
      const text = loaded.map((path) => made.get(path)).join("\n");
      assert(text.includes("// lib/cli/completions.ts"));
      assertEquals(
        text.match(/^\/\/ apis\/.*|^\/\/ lib\/(http|grpc|ui)\/.*/gm),
        null,
      );
      // They take 10 to 30 ms of CPU each.
      const slow =
        /^\/\/ npm:(string-width|@sinclair\/typebox)@.*|.*"node:module".*/gm;
      assertEquals(text.match(slow), null);
      assertEquals(text.match(/^(var|let|const) .*= new Intl\..*/gm), null);
    },
  );
  await t.step("packages in it have their licenses beside it", () => {
    const licenses = made.get(LICENSES) ?? "";
    const ids = new Set(
      scripts.matchAll(/^\/\/ npm:((?:@[^/]+\/)?[^/]+)\//gm).map(([, id]) =>
        id
      ),
    );
    assert(ids.size > 20);
    const told = new Set(
      licenses.matchAll(/^(\S+@\S+) \(/gm).map(([, id]) => id),
    );
    assertEquals(ids.difference(told), new Set());
    assert(told.has("preact@11.2.0"));
    assert(licenses.includes("Copyright 2008 Google Inc"));
  });
  await t.step("it follows etcd and serves, on two threads", async () => {
    const port = freePort();
    const flags = config.tasks.start.command.split(" ")
      .filter((word) => word.startsWith("--"));
    await using program = new Program("deno", [
      "run",
      "--no-config",
      ...flags,
      `${folder}/${main}`,
      `--web=127.0.0.1:${port}`,
      "--etcd=127.0.0.1:1",
      "--workers=2",
    ]);
    const url = `http://127.0.0.1:${port}`;
    await eventually("it serves", () => get(`${url}/healthz`));
    await eventually(
      "the definitions of etcd are known",
      () => program.stderr.includes("ECONNREFUSED") || undefined,
    );
    assert(included.every((path) => made.has(path)));
  });
  await Deno.remove(folder, { recursive: true });
});
