/**
 * API files that throw what cannot be read, return what cannot be used, or
 * change what they get: lainlet and its other views go on.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { checkingAnswers } from "../../../../lib/view/files/answers.ts";
import { groupKey, groupValue } from "../../../../scripts/cluster.ts";
import { apiFile, PODS_PATH } from "../../../util/api_files.ts";
import { ApiScene, CONTAINER } from "../../../util/api_scene.ts";
import { CapturedLog } from "../../../util/captured_log.ts";
import { groupAt } from "../../../util/example.ts";
import { GOLDEN_HOST } from "../../../util/lainlet.ts";

const ALL = { "blog.web.web": 1, "shop.web.web": 1 };
const UNREADABLE = "throws a value that cannot be read";

/** Files with these fields, each with its own path. */
function filesOf(
  fields: Readonly<Record<string, Readonly<Record<string, string | null>>>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, one]) => [
      `${name}.js`,
      apiFile({ paths: `["/v2/try/${name}"]`, ...one }),
    ]),
  );
}

/** What is thrown, and why the file is then not loaded. */
const THROWN: readonly (readonly [value: string, reason: string | RegExp])[] = [
  ["undefined", "throws undefined"],
  ["Symbol('a')", "throws Symbol(a)"],
  ["Object.create(null)", UNREADABLE],
  ["{ toString() { throw 1; } }", UNREADABLE],
  ["new Proxy({}, { getPrototypeOf() { throw this; } })", UNREADABLE],
  [
    "Object.defineProperty(new Error('a'), 'stack', { get() { throw 1; } })",
    UNREADABLE,
  ],
  [
    "Object.defineProperty(new Error('a'), 'message', { get() { throw 1; } })",
    UNREADABLE,
  ],
  ["Object.assign(new Error('a'), { stack: 5 })", "Error: a"],
  ["Object.assign(new Error('a'), { name: 'b\\nc' })", /^b: a at /],
  ["'two\\nlines'", "throws two"],
  ["'two\\u2028lines\\u001b[31m'", "throws two"],
  ["'y'.repeat(1e6)", `throws ${"y".repeat(293)}…`],
  ["new Error('x'.repeat(1e6))", /^Error: x{300}… at /],
];

Deno.test("API files: whatever is thrown is one line in the log, and concerns one file", async () => {
  using log = new CapturedLog();
  const files = THROWN.flatMap(([value], i) => [
    [`load${i}.js`, `export default () => { throw ${value}; };`],
    ...Object.entries(filesOf({
      [`piece${i}`]: { piece: `() => { throw ${value}; }` },
      [`select${i}`]: { select: `() => { throw ${value}; }` },
      [`text${i}`]: { members: null, text: `() => { throw ${value}; }` },
    })),
  ]);
  await using scene = await ApiScene.set({
    ...Object.fromEntries(files),
    "z.js": apiFile(),
  });
  assertEquals(await scene.json(PODS_PATH), ALL);
  const reasons = new Map(
    (await scene.statuses()).map(([file, , reason]) => [file, `${reason}`]),
  );
  for (const [i, [value, reason]] of THROWN.entries()) {
    const found = reasons.get(`load${i}.js`) ?? "";
    if (typeof reason === "string") {
      assertEquals([value, found], [value, reason]);
    } else assertMatch(found, reason);
    assertEquals(await scene.json(`/v2/try/piece${i}`), {});
    for (const name of [`select${i}`, `text${i}`]) {
      const { status, body } = await scene.get(`/v2/try/${name}`);
      assertEquals([value, status, body], [
        value,
        503,
        `the API file ${name}.js failed, see lainlet's log`,
      ]);
    }
  }
  for (const reason of log.values("reason")) {
    assert(typeof reason === "string" && reason.length < 400, `${reason}`);
    assert(!/[\p{Cc}\u2028]/u.test(reason), reason);
  }
  assertEquals(log.about(/a (view|request) failed/), []);
});

Deno.test("API files: an error that a file makes is one line for the client, with a valid status", async () => {
  const lines = "'no\\n\\nevent: init\\ndata: 1'";
  const thrown = {
    bad: `lainlet.badRequest(${lines})`,
    forbidden: `lainlet.forbidden(${lines})`,
    status: `Object.assign(lainlet.badRequest(${lines}), { status: 999 })`,
    unavailable: `new lainlet.Unavailable(${lines}, "1\\r\\na: b")`,
  };
  await using scene = await ApiScene.set(filesOf(Object.fromEntries(
    Object.entries(thrown).map(([name, error]) => [
      name,
      { select: `() => { throw ${error}; }` },
    ]),
  )));
  const statuses = { bad: 400, forbidden: 403, status: 400, unavailable: 503 };
  for (const [name, status] of Object.entries(statuses)) {
    const path = `/v2/try/${name}`;
    const answer = await scene.get(path);
    const message = name === "forbidden" ? "authorize failed, no" : "no";
    assertEquals([name, answer.status, answer.body], [name, status, message]);
    await using stream = await scene.stream(`${path}?watch=1`);
    assertEquals(await stream.next(), {
      id: "0",
      event: "error",
      data: message,
    });
    assertEquals(await stream.next(), undefined);
  }
});

Deno.test("API files: a function that is async is a fault, and its rejection is not", async () => {
  using log = new CapturedLog();
  const rejected: unknown[] = [];
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    rejected.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  try {
    const secret = "async () => { throw new Error('secret'); }";
    const text = { members: null, text: "() => '1'" };
    const reduce = {
      members: null,
      contributions: "() => [['a', 1]]",
      reduce: "() => '1'",
    };
    const fields = {
      check: { guard: `{ counts: () => [1], check: ${secret} }` },
      contributions: { ...reduce, contributions: secret },
      counts: { guard: `{ counts: ${secret}, check() {} }` },
      members: { members: secret },
      piece: { piece: secret },
      reduce: { ...reduce, reduce: secret },
      select: { select: secret },
      text: { ...text, text: secret },
      watcher: { watcher: secret },
    };
    await using scene = await ApiScene.set(filesOf(fields));
    for (const name of Object.keys(fields)) {
      await scene.get(`/v2/try/${name}?appname=blog`);
    }
    // Rejections are reported after the microtasks of a turn.
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(rejected, []);
    assertEquals(
      new Set(log.values("reason")),
      new Set(Object.keys(fields).map((name) => `${name} must not be async`)),
    );
  } finally {
    globalThis.removeEventListener("unhandledrejection", onRejection);
  }
});

Deno.test("API files: what a file gets and gives cannot be changed to get more", async () => {
  const tries = (body: string, selection: string) =>
    `(query) => { try { ${body} } catch {} return ${selection}; }`;
  const all = '{ prefix: "", right: lainlet.ANYONE }';
  const config = {
    params: "{}",
    mayAsk: '"all"',
    watcher: "(cluster) => cluster.config",
    piece: "({ value }, _host, name) => [[name, JSON.stringify(value)]]",
  };
  const flips = (one: string, other: string) =>
    `(() => { let n = 0; return () => n++ < 3 ? "${one}" : "${other}"; })()`;
  const replaced = apiFile({ paths: '["/v2/try/view"]' }).replace(
    /lainlet\.view\(([^]*)\);/,
    `{
      const view = lainlet.view($1);
      try { view.select = () => (${all}); } catch {}
      try { view.paths.push("/v2/try/more"); } catch {}
      return view;
    }`,
  );
  await using scene = await ApiScene.set({
    ...filesOf({
      // Of the request.
      super: { ...config, select: tries("query.caller.isSuper = true;", all) },
      caller: {
        ...config,
        select: tries(
          "query.caller = { isSuper: true, may: () => true };",
          all,
        ),
      },
      may: {
        select: tries(
          "query.caller.may = () => true;",
          '{ prefix: "", right: lainlet.SUPER }',
        ),
      },
      host: { select: tries('query.host.hostname = "other";', all), ...config },
      // Of the selection, after it was checked.
      kind: {
        select: `() => { const kind = ${
          flips("super", "anyone")
        }; return { prefix: "", right: { get kind() { return kind(); } } }; }`,
      },
      app: {
        select: `() => { const app = ${
          flips("shop", "blog")
        }; return { prefix: "shop/", right: { kind: "app", get app() { return app(); } } }; }`,
      },
      // Of what all files get.
      constants: {
        ...config,
        select: tries(
          'lainlet.SUPER.kind = "anyone"; lainlet.BY_APP.appname.description = "";',
          all,
        ),
      },
    }),
    "view.js": replaced,
  });
  for (const name of ["super", "caller", "host", "constants"]) {
    const answer = await scene.json(`/v2/try/${name}`, CONTAINER);
    assertEquals([name, answer], [name, { domain: "lain.example" }]);
  }
  for (const name of ["may", "kind", "app"]) {
    const { status } = await scene.get(`/v2/try/${name}`, CONTAINER);
    assertEquals([name, status], [name, 403]);
  }
  assertEquals(await scene.json("/v2/try/view", CONTAINER), {
    "blog.web.web": 1,
  });
  assertEquals((await scene.get("/v2/try/more")).status, 404);
  const { host, rights } = scene.test.lainlet;
  assertEquals(host, GOLDEN_HOST);
  assert(!rights.caller(CONTAINER).may({ kind: "super" }));
  const { status } = await scene.get("/v2/backupspec", CONTAINER);
  assertEquals(status, 403);
});

Deno.test("API files: a declaration that cannot be documented is refused", async () => {
  const circle = "(() => { const a = {}; a.a = a; return a; })()";
  const wrong: Record<
    string,
    [fields: Record<string, string>, reason: string]
  > = {
    big: [{ example: "10n" }, "example cannot be written as JSON"],
    circle: [{ example: circle }, "example cannot be written as JSON"],
    literal: [
      { answer: "lainlet.Type.Literal(10n)" },
      "answer cannot be written as JSON",
    ],
    param: [
      { params: "{ a: { description: '', get example() { throw 1; } } }" },
      "params cannot be written as JSON",
    ],
    schema: [
      { answer: "lainlet.Type.Null({ $id: 'a b/c' })" },
      "a schema cannot be named a b/c",
    ],
    up: [
      { paths: '["/v2/../up"]' },
      "paths must be a list of paths such as /v2/images",
    ],
    here: [
      { paths: '["/v2/."]' },
      "paths must be a list of paths such as /v2/images",
    ],
    named: [
      { paths: '["/v2/webrouter-webprocs"]' },
      "the operations of /v2/webrouter/webprocs and /v2/webrouter-webprocs have one name",
    ],
  };
  await using scene = await ApiScene.set(
    filesOf({
      ...Object.fromEntries(
        Object.entries(wrong).map(([name, [fields]]) => [name, fields]),
      ),
      dots: { paths: '["/v2/try/...", "/v2/try/..a"]' },
    }),
  );
  const statuses = await scene.statuses();
  for (const [name, [, reason]] of Object.entries(wrong)) {
    const found = statuses.find(([file]) => file === `${name}.js`);
    assertEquals(found, [`${name}.js`, "failed", reason]);
  }
  assertEquals(await scene.json("/v2/try/..."), ALL);
  assertEquals((await scene.get("/openapi.json")).status, 200);
});

Deno.test("API files: totals that a guard changes do not affect the next response", async () => {
  await using scene = await ApiScene.set({
    "a.js": apiFile({
      guard:
        "{ counts: () => [1, 2], check: (totals) => { if (totals.shift() !== 2) throw new lainlet.Unavailable('no'); } }",
    }),
  });
  await using stream = await scene.stream(`${PODS_PATH}?watch=1`);
  assertEquals((await stream.next())?.data, ALL);
  const blog = groupAt(CONTAINER, "blog");
  for (const count of [2, 3, 4]) {
    const instances = Array(count).fill(blog.instances[0]);
    scene.write({ [groupKey(blog)]: groupValue({ ...blog, instances }) });
    const answer = { ...ALL, "blog.web.web": count };
    assertEquals((await stream.next())?.data, answer);
  }
});

Deno.test("API files: an answer that cannot be compared with its schema is served", async () => {
  using log = new CapturedLog();
  await using scene = await ApiScene.set(
    { "a.js": apiFile({ answer: "lainlet.Type.Ref('missing')" }) },
    { wrap: checkingAnswers },
  );
  assertEquals(await scene.json(PODS_PATH), ALL);
  assertEquals(log.values("reason"), [
    "the answer cannot be compared with what is declared",
  ]);
});
