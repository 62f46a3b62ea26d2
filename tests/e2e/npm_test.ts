/**
 * The npm package of the client, beside what its page shows of it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { MemoryStore } from "../../lib/store/memory.ts";
import { run } from "../util/debian.ts";
import { exampleCluster } from "../util/example.ts";
import { blocksOf } from "../pages/pages.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { NodeProject } from "../util/npm.ts";
import { freePort } from "../util/process.ts";

const DECLARED = new URL("../../lib/client/declared.ts", import.meta.url);
const PAGE = new URL("../../lib/client/README.md", import.meta.url);
const CONFIG = `${import.meta.dirname}/../../deno.json`;

/** A module that only has the right types when two declare the same, and no `any`. */
const SAME = `import type * as here from "${DECLARED}";
import type * as packed from "./lib/client/declared.ts";
type IsAny<T> = 0 extends 1 & T ? true : false;
type Same<A, B> = IsAny<B> extends true ? false
  : [A] extends [B] ? ([B] extends [A] ? true : false)
  : false;
type Name = here.EndpointName;
export const names: Same<Name, packed.EndpointName> = true;
export const views: Same<here.ViewName, packed.ViewName> = true;
declare const data: { [N in Name]: Same<here.Data<N>, packed.Data<N>> };
export const sameData: Record<Name, true> = data;
declare const params: { [N in Name]: Same<here.Params<N>, packed.Params<N>> };
export const sameParams: Record<Name, true> = params;
`;

/** A CommonJS program. */
const REQUIRED = `const { Client } = require("${config.name}");
new Client(process.argv[2]).get("nodes", {}).then((nodes) =>
  console.log(Object.keys(nodes).join())
);
`;

/** API files of each kind, with their types. */
const KINDS = `/** @param {import("${config.name}/api").Api} lainlet */
export const text = ({ ANYONE, Type, array, prefixParam, view }) =>
  view({
    paths: ["/v2/names"],
    summary: "The names of the settings.",
    params: { prefix: { description: "Their beginning.", example: "d" } },
    mayAsk: "all",
    answer: Type.Array(Type.String({ description: "A name." })),
    watcher: (cluster) => cluster.config,
    select: (query) => ({ prefix: prefixParam(query, "prefix"), right: ANYONE }),
    piece: ({ value }, _host, name) => JSON.stringify(\`\${name}: \${value.length}\`),
    text: (pieces) => array(pieces.map(([, piece]) => piece)),
  });

/** @type {import("${config.name}/api").ApiFile} */
export const members = ({ Type, flat, superOnly, view }) =>
  view({
    paths: ["/v2/portals-per-node"],
    summary: "How many portals each node has.",
    params: {},
    mayAsk: "super",
    answer: Type.Record(Type.String(), Type.Integer()),
    watcher: (cluster) => cluster.depends,
    select: (query) => superOnly(query, ""),
    piece: ({ nodes }) =>
      nodes.map(({ name, portals }) => [name, String(portals.length)]),
    members: flat,
  });

/** @type {import("${config.name}/api").ApiFile} */
export default async ({ BY_APP, Type, byNamedApp, routersGuard, view }) =>
  view({
    paths: ["/v2/addresses"],
    summary: "The addresses of each app.",
    params: BY_APP,
    mayAsk: "app",
    answer: Type.Record(Type.String(), Type.Array(Type.String())),
    watcher: (cluster) => cluster.podgroup,
    select: byNamedApp,
    piece: ({ app, pods }) => ({
      app,
      ips: pods.flatMap(({ containers }) => containers.map(({ ip }) => ip)),
    }),
    contributions: ({ app, ips }) => [[app, ips]],
    reduce: (all) => JSON.stringify(all.flat()),
    guard: routersGuard(({ condition }) => condition.state !== "paused"),
  });
`;

/** Ends only when nothing is left to do: a client that asked again would keep it. */
const FAULTS =
  `import { Client, PeerError, RefusedError } from "${config.name}";

const [url, nowhere] = process.argv.slice(2);
const own = () => {
  throw new Error("my own");
};
const first = async (watch) => (await watch.next()).value;
const failed = async (promise) => {
  const error = await promise.then(() => "nothing", (error) => error);
  console.log(error.constructor.name, error.message);
};
await failed(first(new Client(url, own).watch("nodes", {})));
await failed(first(new Client(url).watch("nodes", {}, { onStatus: own })));
await failed(first(new Client(url).watch("procwatcher", { appname: "" })));
await failed(new Client(nowhere).get("nodes", {}));
await failed(new Client("no URL").get("nodes", {}));
console.log(PeerError.name, RefusedError.name);
`;

/**
 * Asks again and again with one signal, and prints how many listeners are left
 * on it, and how many bytes of heap each request took for good: the least of
 * some rounds, as what is only cached is not taken in each. Each stream of its
 * server's ends after one event, and time between them is cut short.
 */
const SIGNALS = `import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import { Client } from "${config.name}";

const [MANY, ROUNDS, SHORT] = [100, 3, 3_000];
const wait = globalThis.setTimeout;
globalThis.setTimeout = (act, ms, ...rest) =>
  wait(act, ms <= SHORT ? 1 : ms, ...rest);

let count = 0;
const server = createServer(({ url }, response) => {
  const isStream = url.includes("watch=1");
  const type = isStream ? "text/event-stream" : "application/json";
  response.writeHead(200, { "Content-Type": type });
  const state = \`{"n":\${count++}}\`;
  response.end(isStream ? \`event: init\\ndata: \${state}\\n\\n\` : state);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const client = new Client(\`http://127.0.0.1:\${server.address().port}\`);
const { signal } = new AbortController();

const heap = async () => {
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => wait(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
};
const look = async (name, act) => {
  await act();
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const before = await heap();
    await act();
    least = Math.min(least, await heap() - before);
  }
  const bytes = least / MANY;
  console.log(name, getEventListeners(signal, "abort").length, bytes);
};
await look("gets", async () => {
  for (let i = 0; i < MANY; i++) await client.get("nodes", {}, signal);
});
await look("watches", async () => {
  for (let i = 0; i < MANY; i++) {
    for await (const _ of client.watch("nodes", {}, { signal })) break;
  }
});
const states = client.watch("nodes", {}, { signal });
await look("reconnects", async () => {
  for (let i = 0; i < MANY; i++) await states.next();
});
await states.return();
console.log("end", getEventListeners(signal, "abort").length, 0);
server.closeAllConnections();
server.close();
`;

/** What is right in the example of that page, and what is an error in its place. */
const MISTAKES = [
  ["group.name", "group.nam"],
  ["view,", "vew: view,"],
  ['"app"', '"me"'],
  ["paths:", "path:"],
  ["JSON.stringify", ""],
] as const;

/** What a request may leave behind on the heap, in bytes: less than a signal that is kept for each takes. */
const LEFT_BEHIND = 2_000;

Deno.test("npm: the client's package has lainlet's types, can be published, and fails as it should", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-npm-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const [command = "", ...flags] = config.tasks.pack.command.split(" ");
  await run(command, ...flags, `--output=${folder}`);

  await t.step("the types are those that the endpoints declare", async () => {
    const file = `${folder}/client/same.ts`;
    await Deno.writeTextFile(file, SAME);
    await run("deno", "check", "--quiet", `--config=${CONFIG}`, file);
    await Deno.remove(file);
  });

  await t.step("its source can be published, too", async () => {
    const script =
      `cd ${folder}/client && deno publish --dry-run --allow-dirty`;
    await run("bash", "-c", script);
  });

  const file = config.name.slice(1).replace("/", "-");
  const tarball = `${folder}/${file}-${config.version}.tgz`;
  const project = stack.use(await NodeProject.make(tarball));

  await t.step("editors have the types of API files", async () => {
    const images = (await blocksOf("apis/README.md"))
      .find(({ language }) => language === "js")?.text ?? "";
    const wrong = MISTAKES.map(([right, wrong], i) =>
      [`wrong${i}.js`, images.replace(right, wrong)] as const
    );
    const files = { "images.js": images, "kinds.js": KINDS };
    for (const [name, text] of [...Object.entries(files), ...wrong]) {
      await project.write(name, text);
    }
    await project.check(...Object.keys(files));
    const { output } = await project.typeCheck(...wrong.map(([name]) => name));
    for (const [i] of MISTAKES.entries()) {
      assertMatch(
        output,
        new RegExp(`^wrong${i}\\.js\\(\\d+,\\d+\\): error`, "m"),
      );
    }
  });

  await t.step("it depends on nothing", async () => {
    const listed = await project.run("npm", "ls", "--all", "--parseable");
    assertEquals(
      listed.trim().split("\n").slice(1),
      [`${project.folder}/node_modules/${config.name}`],
    );
  });

  await t.step("its manifest agrees with its page", async () => {
    const manifest =
      `${project.folder}/node_modules/${config.name}/package.json`;
    const { description, engines, license, repository, type } = JSON.parse(
      await Deno.readTextFile(manifest),
    );
    assertMatch(description, /lainlet/);
    assertMatch(repository.url, /^git\+https:.*\/lainlet\.git$/);
    assertEquals([license, type], [config.license, "module"]);
    const page = await Deno.readTextFile(PAGE);
    const [, oldest] = /Node\.js (\d+\.\d+) or later/.exec(page) ?? [];
    assertEquals(engines, { node: `>=${oldest}` });
  });

  await t.step("it can be required, too", async () => {
    const store = new MemoryStore(Object.entries(exampleCluster));
    await using lainlet = await new TestLainlet(store).ready();
    await project.write("required.cjs", REQUIRED);
    const printed = await project.run("node", "required.cjs", lainlet.url);
    assertEquals(printed, "node1:192.168.77.21:22\n");
  });

  await t.step("errors of callbacks are thrown, once", async () => {
    const store = new MemoryStore(Object.entries(exampleCluster));
    await using lainlet = await new TestLainlet(store).ready();
    await project.write("faults.js", FAULTS);
    for (const [command = "", ...args] of project.runs("faults.js")) {
      const urls = [lainlet.url, `http://127.0.0.1:${freePort()}`];
      const printed = await project.run(command, ...args, ...urls);
      const [parse, status, refused, away, base, names] = printed.split("\n");
      assertEquals([parse, status, refused, names], [
        "Error my own",
        "Error my own",
        "RefusedError appname required",
        "PeerError RefusedError",
      ]);
      assertMatch(away ?? "", /^PeerError .*refused/i);
      assertMatch(base ?? "", /^TypeError /);
    }
  });

  await t.step(
    "a signal that outlives requests keeps nothing of them",
    async () => {
      await project.write("signals.js", SIGNALS);
      const printed = await project.run("node", "--expose-gc", "signals.js");
      const lines = printed.trim().split("\n").map((line) => line.split(" "));
      assertEquals(
        lines.map(([name, listeners]) => [name, Number(listeners)]),
        // A watch that goes on listens once.
        [["gets", 0], ["watches", 0], ["reconnects", 1], ["end", 0]],
      );
      for (const [name, , bytes] of lines) {
        assert(Number(bytes) < LEFT_BEHIND, `${name}: ${bytes} bytes each`);
      }
    },
  );
});
