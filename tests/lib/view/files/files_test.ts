/**
 * API files: what they serve, what becomes of those that are wrong, and what a
 * reload changes.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { checkingAnswers } from "../../../../lib/view/files/answers.ts";
import type * as api from "../../../../lib/view/files/api.ts";
import type { Cluster } from "../../../../lib/watcher/cluster.ts";
import { groupKey, groupValue } from "../../../../scripts/cluster.ts";
import { apiFile, PODS_PATH, WATCHER_FILES } from "../../../util/api_files.ts";
import { ApiScene, CLUSTER, CONTAINER } from "../../../util/api_scene.ts";
import { CapturedLog } from "../../../util/captured_log.ts";
import { get } from "../../../util/client.ts";
import { groupAt } from "../../../util/example.ts";
import { becomes, eventually } from "../../../util/process.ts";

/** An event for a module that waits: a module that waits for ever fails a test. */
const GO_ON = "lainlet-test-go-on";

/** Compiles only if values have the types that API files are told. */
export const told: (cluster: Cluster) => api.Cluster = (cluster) => cluster;

Deno.test("API files: one by each watcher, and rights as on built-in views", async () => {
  await using scene = await ApiScene.set({
    ...WATCHER_FILES,
    "podgroup.js": apiFile(),
  });
  assertEquals(await scene.statuses(), [
    ["config.js", "served", ""],
    ["container.js", "served", ""],
    ["depends.js", "served", ""],
    ["nodes.js", "served", ""],
    ["podgroup.js", "served", ""],
  ]);
  assertEquals(await scene.json(PODS_PATH), {
    "blog.web.web": 1,
    "shop.web.web": 1,
  });
  assertEquals(await scene.json("/v2/settings"), [
    "domain=lain.example",
    "ssl/key=secret",
  ]);
  assertEquals(await scene.json("/v2/ports?node=node1"), { node1: [8080] });
  assertEquals(await scene.json("/v2/services"), { mysql: 1 });
  const names = { "node1:192.168.77.21:22": "node1" };
  assertEquals(await scene.json("/v2/node-names"), names);
  assertEquals(await scene.json("/v2/names/of/nodes/"), names);

  // A container sees its app, what is for all, and no secret.
  const own = { "blog.web.web": 1 };
  assertEquals(await scene.json(PODS_PATH, CONTAINER), own);
  assertEquals(await scene.json(`${PODS_PATH}?appname=blog`, CONTAINER), own);
  for (
    const path of [`${PODS_PATH}?appname=shop`, "/v2/ports", "/v2/services"]
  ) {
    const { status, body } = await scene.get(path, CONTAINER);
    assertEquals([path, status], [path, 403]);
    assertMatch(body, /^authorize failed, /);
  }
  for (const query of ["", "?prefix=s", "?prefix=ssl/"]) {
    const settings = await scene.json(`/v2/settings${query}`, CONTAINER);
    assertEquals(settings, query === "" ? ["domain=lain.example"] : []);
  }
  const { paths } = Object(await scene.json("/openapi.json"));
  assertEquals(paths[PODS_PATH].get.summary, "The pods of each group.");
});

Deno.test("API files: a super caller who is one no more gets no secret on its stream", async () => {
  await using scene = await ApiScene.set(WATCHER_FILES);
  scene.write({ "/lain/config/super_apps/blog": "" });
  await using stream = await scene.stream("/v2/settings?watch=1", CONTAINER);
  assertEquals((await stream.next())?.data, [
    "domain=lain.example",
    "ssl/key=secret",
    "super_apps/blog=",
  ]);
  scene.write({ "/lain/config/super_apps/blog": null });
  assertEquals(await stream.next(), {
    id: "0",
    event: "error",
    data: "authorize failed, super required",
  });
  assertEquals(await stream.next(), undefined);
});

Deno.test("API files: whatever select does, rights are those that the file declares", async () => {
  const selects: [fields: Record<string, string>, reason: string][] = [
    [{ select: '() => ({ prefix: "", right: lainlet.ANYONE })' }, "503"],
    [{ select: '() => ({ prefix: "shop/", right: lainlet.SUPER })' }, "403"],
    [{
      select: '() => ({ prefix: "", right: { kind: "app", app: "blog" } })',
    }, "503"],
    [{
      select:
        '() => ({ prefix: "shop/", right: { kind: "app", app: "shop" } })',
    }, "403"],
    [{
      mayAsk: '"super"',
      select: '() => ({ prefix: "", right: lainlet.ANYONE })',
    }, "403"],
    [{
      select:
        '() => ({ prefix: "blog/", right: { kind: "app", app: "blog" }, filter: () => true })',
    }, "503"],
    [{ select: "() => undefined" }, "503"],
  ];
  const files = selects.map(([fields], i) =>
    [`${i}.js`, apiFile({ ...fields, paths: `["/v2/try/${i}"]` })] as const
  );
  await using scene = await ApiScene.set(Object.fromEntries(files));
  for (const [i, [fields, status]] of selects.entries()) {
    const answer = await scene.get(`/v2/try/${i}`, CONTAINER);
    assertEquals([fields, `${answer.status}`], [fields, status]);
  }
});

/** What is wrong with a file, and the reason that is told. */
const WRONG: readonly (readonly [text: string, reason: string | RegExp])[] = [
  ["export default ( => 1;", /^SyntaxError: .* at 00\.js:1:\d+$/],
  ["throw new Error('no\\nway');", /^Error: no at 01\.js:1:7$/],
  ["export default () => { throw new Error('no way'); };", /^Error: no way at/],
  ["export default () => { throw 1; };", "throws 1"],
  ["export const a = 1;", "the default export must be a function"],
  [
    "export default () => ({});",
    "the default export must return what view returns",
  ],
  [
    apiFile({ paths: '["/v2/nodes"]' }),
    "the path /v2/nodes is taken by lainlet",
  ],
  [apiFile({ paths: '["/v2/first"]' }), "the path /v2/first is taken by 0.js"],
  [apiFile({ paths: '["/v2/a", "/v2/a"]' }), "paths has a path twice"],
  ...["[]", '"/v2/a"', '["/v1/a"]', '["/v2/a/"]', '["/v2/a b"]'].map((paths) =>
    [
      apiFile({ paths }),
      "paths must be a list of paths such as /v2/images",
    ] as const
  ),
  [apiFile({ sumary: '""' }), "unknown field sumary"],
  [apiFile({ rpc: "{}" }), "unknown field rpc"],
  [apiFile({ summary: '"two\\nlines"' }), "summary must be one line of text"],
  [apiFile({ mayAsk: '"me"' }), 'mayAsk must be "all", "app" or "super"'],
  [
    apiFile({ answer: '{ type: "object" }' }),
    "answer must be a schema that Type makes",
  ],
  [apiFile({ params: null }), "params must be an object"],
  [
    apiFile({ params: '{ watch: { description: "" } }' }),
    "a parameter cannot be named watch",
  ],
  [
    apiFile({ params: '{ a: { required: "yes" } }' }),
    /^the parameter a must have a description/,
  ],
  [apiFile({ select: null }), "select must be a function"],
  [apiFile({ piece: '"a"' }), "piece must be a function"],
  [
    apiFile({ members: null }),
    "a view has members, or contributions and reduce, or text",
  ],
  [
    apiFile({ members: null, contributions: "() => []" }),
    "reduce must be a function",
  ],
  [
    apiFile({ members: null, text: '() => "1"', guard: "{}" }),
    "a view with text has no guard: text throws Unavailable",
  ],
  [apiFile({ guard: "{}" }), "counts must be a function"],
  [apiFile({ watcher: "() => ({})" }), /^watcher must return one of cluster\./],
  [
    apiFile({ watcher: "(cluster) => cluster.nodes" }),
    /^mayAsk: "app" is for the watcher podgroup/,
  ],
  [
    apiFile({
      answer: 'lainlet.Type.Array(lainlet.Type.Null(), { $id: "Pod" })',
    }),
    "two schemas are named Pod",
  ],
];

Deno.test("API files: one that is wrong is reported, and the others are served", async () => {
  using log = new CapturedLog();
  const files = WRONG.map(([text], i) =>
    [`${i}`.padStart(2, "0") + ".js", text] as const
  );
  await using scene = await ApiScene.set({
    "0.js": apiFile({ paths: '["/v2/first"]' }),
    "no module.txt": "(",
    ".hidden.js": "(",
    ...Object.fromEntries(files),
    "z.js": apiFile(),
  });
  await Deno.mkdir(`${scene.folder.path}/folder.js`);
  await scene.reload({});
  const [first, ...others] = await scene.statuses();
  assertEquals(first, ["0.js", "served", ""]);
  assertEquals(others.splice(-2), [
    ["folder.js", "failed", "is not a file"],
    ["z.js", "served", ""],
  ]);
  for (const [i, [, reason]] of WRONG.entries()) {
    const [file, status, told] = others[i] ?? [];
    assertEquals([file, status], [files[i]?.[0], "failed"]);
    if (typeof reason === "string") assertEquals([file, told], [file, reason]);
    else assertMatch(String(told), reason);
  }
  assertEquals(others.length, WRONG.length);
  const lines = log.about(/an API file cannot be used/).length;
  assertEquals(lines, 2 * WRONG.length + 1);
  const { body } = await scene.get("/metrics");
  assertMatch(body, /^lainlet_api_files\{status="served"\} 2$/m);
  assertMatch(
    body,
    new RegExp(
      `^lainlet_api_files\\{status="failed"\\} ${WRONG.length + 1}$`,
      "m",
    ),
  );
  assertMatch(
    body,
    new RegExp(`^lainlet_api_file_failures_total ${lines}$`, "m"),
  );
  assertEquals(await scene.json("/v2/first"), await scene.json(PODS_PATH));
});

Deno.test("API files: one that takes too long to load is given up", async () => {
  const wait =
    `await new Promise((resolve) => addEventListener("${GO_ON}", resolve));`;
  await using scene = await ApiScene.set({
    "module.js": wait,
    "function.js": `export default async () => { ${wait} };`,
  }, { timeout: 50 });
  try {
    const reason = "is not loaded after 0.05 s";
    assertEquals(await scene.statuses(), [
      ["function.js", "failed", reason],
      ["module.js", "failed", reason],
    ]);
  } finally {
    dispatchEvent(new Event(GO_ON));
  }
});

Deno.test("API files: a function that fails for one value in a hundred costs that value", async () => {
  const groups = Array.from(
    { length: 100 },
    (_, i) => groupAt(`10.0.0.${i + 1}`, `app${i}`),
  );
  const good = (name: string) => name !== "app7.web.web";
  const throwing = 'if (group.app === "app7") throw new Error(group.app);';
  const cases: Record<string, string>[] = [
    {
      piece: `(group) => { ${throwing} return [[group.name, "1"]]; }`,
    },
    {
      piece: "(group) => group",
      members: `(group) => { ${throwing} return [[group.name, "1"]]; }`,
    },
    {
      piece: `(group) => [[group.name, group.app === "app7" ? "{" : "1"]]`,
    },
    {
      piece:
        `(group) => group.app === "app7" ? undefined : [[group.name, "1"]]`,
    },
    {
      piece: `(group) => [[group.name, "1"]]`,
      guard:
        `{ counts: (group) => { ${throwing} return [1]; }, check([all]) { if (all !== 99) throw new lainlet.Unavailable("no"); } }`,
    },
  ];
  const reduced = {
    members: null,
    contributions: `(group) => { ${throwing} return [[group.name, 1]]; }`,
    reduce: "(all) => JSON.stringify(all[0])",
    piece: "(group) => group",
  };
  const all = [
    ...cases.map((one) => apiFile(one)),
    apiFile(reduced),
    apiFile({
      ...reduced,
      contributions: "(group) => [[group.name, group.app]]",
      reduce: '([app]) => { if (app === "app7") throw 1; return "1"; }',
    }),
  ].map((text, i) =>
    [`${i}.js`, text.replace(PODS_PATH, `/v2/try/${i}`)] as const
  );
  using log = new CapturedLog();
  await using scene = await ApiScene.set(Object.fromEntries(all));
  scene.write({
    [groupKey(groupAt(CONTAINER, "blog"))]: null,
    ...Object.fromEntries(
      Object.keys(CLUSTER).filter((key) => key.includes("pod_groups"))
        .map((key) => [key, null]),
    ),
    ...Object.fromEntries(
      groups.map((group) => [groupKey(group), groupValue(group)]),
    ),
  });
  const wanted = Object.fromEntries(
    groups.map(({ app }) => `${app}.web.web`).filter(good)
      .sort().map((name) => [name, 1]),
  );
  for (const [file] of all) {
    const path = `/v2/try/${file.replace(".js", "")}`;
    await becomes(`${path} has the others`, () => scene.json(path), wanted);
  }
  const { apis: { files } } = Object(await scene.json("/debug"));
  for (const { file, rejections, rejected } of files) {
    const isMember = file === `${all.length - 1}.js`;
    assertEquals([file, rejections], [file, 1]);
    assertEquals([file, rejected], [
      file,
      isMember ? [] : ["app7/app7.web.web"],
    ]);
  }
  assertEquals(log.values("what"), [
    ...Array(all.length - 1).fill("key app7/app7.web.web"),
    "member app7.web.web",
  ]);
  // What was thrown may quote a value.
  for (const reason of log.values("reason")) {
    assert(!/app7/.test(String(reason)), String(reason));
  }
  const { body } = await scene.get("/metrics");
  assertMatch(body, /^lainlet_api_file_rejections_total\{file="0.js"\} 1$/m);

  // A value that is replaced, or removed, is rejected no more.
  const seventh = groups[7];
  assert(seventh);
  scene.write({ [groupKey(seventh)]: null });
  await becomes("none is rejected", async () => {
    const { apis: { files } } = Object(await scene.json("/debug"));
    return Array.from(files, (one) => Object(one).rejected).flat();
  }, []);
});

Deno.test("API files: responses have the form of all responses, and values stay as they are", async () => {
  await using scene = await ApiScene.set({
    "form.js": apiFile({
      paths: '["/v2/form"]',
      piece:
        "(group) => [[group.name, JSON.stringify({ z: 1, a: [group.app] }, null, 2)]]",
    }),
    "sorts.js": apiFile({
      paths: '["/v2/sorts"]',
      piece: '(group) => { group.pods.push({}); return [["a", "1"]]; }',
    }),
  });
  const { body } = await scene.get("/v2/form?appname=blog");
  assertEquals(body, '{"blog.web.web":{"a":["blog"],"z":1}}');
  const before = await scene.json("/v2/coreinfowatcher");
  assertEquals(await scene.json("/v2/sorts"), {});
  assertEquals(await scene.json("/v2/coreinfowatcher"), before);
});

Deno.test("API files: a view that fails as a whole has no response, and reports it", async () => {
  using log = new CapturedLog();
  await using scene = await ApiScene.set({
    "guard.js": apiFile({
      paths: '["/v2/guard"]',
      guard: '{ counts: () => [1], check() { throw new Error("a"); } }',
    }),
    "none.js": apiFile({
      paths: '["/v2/none"]',
      guard:
        '{ counts: () => [1], check() { throw new lainlet.Unavailable("not now"); } }',
    }),
    "select.js": apiFile({
      paths: '["/v2/select"]',
      select: "() => { throw new Error('a'); }",
    }),
    "text.js": apiFile({
      paths: '["/v2/text"]',
      members: null,
      text: "(pieces) => JSON.parse('x')",
    }),
  });
  for (const name of ["guard", "select", "text"]) {
    const message = `the API file ${name}.js failed, see lainlet's log`;
    const { status, body } = await scene.get(`/v2/${name}`);
    assertEquals([status, body.trim()], [503, message]);
    await using stream = await scene.stream(`/v2/${name}?watch=1`);
    const event = await stream.next();
    assertEquals([event?.event, event?.data], ["error", message]);
  }
  assertEquals((await scene.get("/v2/none")).body.trim(), "not now");
  assertMatch(String(log.values("reason")[0]), /^Error at guard\.js:\d+:\d+$/);
});

Deno.test("API files: an answer that is not as declared is reported where answers are checked", async () => {
  using log = new CapturedLog();
  await using scene = await ApiScene.set(
    { "a.js": apiFile({ piece: "(group) => [[group.name, '\"1\"']]" }) },
    { wrap: checkingAnswers },
  );
  assertEquals(await scene.json(`${PODS_PATH}?appname=blog`), {
    "blog.web.web": "1",
  });
  assertEquals(log.values("reason"), [
    "the answer/blog.web.web is not as declared: Expected number",
  ]);
});

Deno.test("API files: a reload changes the views of changed files, and no other stream", async (t) => {
  const version = (pods: string, fields: Record<string, string> = {}) =>
    apiFile({ piece: `(group) => [[group.name, \`${pods}\`]]`, ...fields });
  const one = version("${group.pods.length}");
  const NODES = WATCHER_FILES["nodes.js"] ?? "";
  await using scene = await ApiScene.set({ "a.js": one, "nodes.js": NODES });
  await using stack = new AsyncDisposableStack();
  const open = async (path: string) => {
    const stream = stack.use(await scene.stream(path));
    return { stream, first: await stream.next() };
  };
  const others = await Promise.all([
    open("/v2/proxywatcher?watch=1"),
    open("/v2/node-names?watch=1"),
    open("/v2/watch?view=nodes&view=node-names"),
  ]);
  const whole = await open(`${PODS_PATH}?watch=1`);
  const patches = await open(`${PODS_PATH}?watch=1&patch=merge`);
  const joint = await open(
    `/v2/watch?view=nodes&view=pods-per-group&patch=merge`,
  );
  assertEquals((await joint.stream.next())?.event, "init pods-per-group");

  await t.step("a file that changes sends what differs", async () => {
    await scene.reload({
      "a.js": version('${group.app === "blog" ? 5 : group.pods.length}'),
    });
    const data = { "blog.web.web": 5, "shop.web.web": 1 };
    assertEquals(await whole.stream.next(), { id: "2", event: "update", data });
    const patch = { "blog.web.web": 5 };
    assertEquals(await patches.stream.next(), {
      id: "2",
      event: "patch",
      data: patch,
    });
    assertEquals(await joint.stream.next(), {
      id: "3",
      event: "patch pods-per-group",
      data: patch,
    });
    assertEquals(await scene.json(PODS_PATH), data);
  });

  await t.step("a change that changes no response sends nothing", async () => {
    await scene.reload({ "a.js": `// A comment.\n${one}` });
    await scene.reload({ "a.js": one });
    assertEquals((await whole.stream.next())?.id, "3");
    assertEquals((await patches.stream.next())?.id, "3");
    assertEquals((await joint.stream.next())?.id, "4");
  });

  await t.step("a file that breaks keeps its last good version", async () => {
    await scene.reload({ "a.js": "(" });
    const [[file, status, reason] = []] = await scene.statuses();
    assertEquals([file, status], ["a.js", "outdated"]);
    assertMatch(String(reason), /^SyntaxError: /);
    assertEquals((await scene.get(PODS_PATH)).status, 200);
    // It follows the store as before.
    const blog = groupAt(CONTAINER, "blog");
    const value = groupValue({
      ...blog,
      instances: [...blog.instances, ...blog.instances],
    });
    scene.write({ [groupKey(blog)]: value });
    const data = { "blog.web.web": 2, "shop.web.web": 1 };
    assertEquals(await whole.stream.next(), { id: "4", event: "update", data });
    assertEquals((await patches.stream.next())?.data, { "blog.web.web": 2 });
    assertEquals((await joint.stream.next())?.data, { "blog.web.web": 2 });
  });

  await t.step("a fixed file is served again", async () => {
    await scene.reload({
      "a.js": apiFile({
        piece: "(node) => [[JSON.parse(node.json).name, '1']]",
        watcher: "(cluster) => cluster.nodes",
        mayAsk: '"super"',
        select: '(query) => lainlet.superOnly(query, "")',
      }),
    });
    assertEquals((await scene.statuses())[0], ["a.js", "served", ""]);
    const data = { node1: 1 };
    assertEquals(await whole.stream.next(), { id: "5", event: "update", data });
    assertEquals((await patches.stream.next())?.data, {
      "blog.web.web": null,
      "node1": 1,
      "shop.web.web": null,
    });
    assertEquals((await joint.stream.next())?.event, "patch pods-per-group");
  });

  await t.step("a file that is removed ends its streams", async () => {
    const { headers } = await scene.get(PODS_PATH);
    const waiting = get(scene.test.url + PODS_PATH, undefined, {
      headers: {
        "If-None-Match": headers.get("ETag") ?? "",
        "Prefer": "wait=60",
      },
    });
    await becomes(
      "the GET waits",
      () => scene.test.lainlet.limits.perEndpoint.get(PODS_PATH),
      3,
    );
    await scene.reload({ "a.js": null });
    const error = { id: "0", event: "error", data: "the endpoint was removed" };
    for (const { stream } of [whole, patches]) {
      assertEquals(await stream.next(), error);
      assertEquals(await stream.next(), undefined);
    }
    assertEquals(await joint.stream.next(), {
      ...error,
      event: "error pods-per-group",
    });
    assertEquals((await waiting).status, 404);
    assertEquals((await scene.get(PODS_PATH)).status, 404);
    await eventually("nothing counts it any more", async () => {
      const { body } = await scene.get("/metrics");
      return body.includes(PODS_PATH) ? undefined : true;
    });
    // What was observed before the removal is forgotten, too.
    const node = Object.keys(CLUSTER).find((key) =>
      key.includes("nodes/nodes")
    );
    scene.write({ [node ?? ""]: '{"name":"other"}' });
    assertEquals((await joint.stream.next())?.event, "update nodes");
  });

  await t.step("streams of other views continue, and got nothing", async () => {
    const [proxies, names, both] = others;
    assertEquals((await proxies.stream.next())?.id, "2");
    assertEquals(await names.stream.next(), {
      id: "2",
      event: "update",
      data: { "node1:192.168.77.21:22": "other" },
    });
    assertEquals((await both.stream.next())?.event, "init node-names");
    assertEquals((await both.stream.next())?.id, "3");
  });
});

Deno.test("API files: of two files with one path the first serves it, and then the other", async () => {
  const text = (pods: number) =>
    apiFile({ piece: `({ name }) => [[name, "${pods}"]]` });
  await using scene = await ApiScene.set({ "b.js": text(2), "c.js": text(3) });
  const path = `${PODS_PATH}?appname=blog`;
  await using stream = await scene.stream(`${path}&watch=1`);
  const next = async () => (await stream.next())?.data;
  assertEquals(await next(), { "blog.web.web": 2 });
  await scene.reload({ "a.js": text(1) });
  assertEquals(await next(), { "blog.web.web": 1 });
  await scene.reload({ "a.js": null, "b.js": null });
  assertEquals(await next(), { "blog.web.web": 3 });
  assertEquals(await scene.statuses(), [["c.js", "served", ""]]);
});

Deno.test("API files: a folder that cannot be read leaves what was served", async () => {
  await using scene = await ApiScene.set({ "a.js": apiFile() });
  const problem = async () => Object(await scene.json("/debug")).apis.problem;
  assertEquals(await problem(), "");
  await Deno.rename(scene.folder.path, `${scene.folder.path}.away`);
  await scene.reload({});
  assertMatch(await problem(), /No such file or directory/);
  assertEquals((await scene.get(PODS_PATH)).status, 200);
  await Deno.rename(`${scene.folder.path}.away`, scene.folder.path);
  await scene.reload({});
  assertEquals(await problem(), "");
});
