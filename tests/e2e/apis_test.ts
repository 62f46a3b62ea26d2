/**
 * API files of a running lainlet: dropped in, changed, broken, mended and
 * removed, while others' streams run.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import * as apis from "../../apis/mod.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { ApiFiles } from "../../lib/view/files/files.ts";
import { blocksOf } from "../pages/pages.ts";
import { apiFile, ApiFolder, WATCHER_FILES } from "../util/api_files.ts";
import { get, Stream } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { exampleCluster, groupAt } from "../util/example.ts";
import { inTerminal, run, shown } from "../util/command.ts";
import { GOLDEN_HOST, TestLainlet } from "../util/lainlet.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { becomes, eventually } from "../util/process.ts";

/** How many streams of others run, and what they watch. */
const OTHERS = 100;
const WATCHED = [
  "/v2/configwatcher?target=domain&watch=1",
  "/v2/proxywatcher?watch=1&patch=merge",
  "/v2/watch?view=nodes&view=configwatcher%3Ftarget=domain&tag=1",
  "/v2/overview?watch=1&patch=merge",
];

const CONTAINER = "127.20.1.40";
const SHOP = "registry.lain.local/shop:release-26";

/** The example of the page about API files. */
async function example(): Promise<string> {
  const blocks = await blocksOf("apis/README.md");
  const found = blocks.find(({ language }) => language === "js");
  assert(found);
  return found.text;
}

Deno.test("API files: in a process, while a hundred streams of others run", async (t) => {
  await using etcd = await TestEtcd.start();
  await etcd.load({
    ...exampleCluster,
    [groupKey(groupAt(CONTAINER, "blog"))]: groupValue(
      groupAt(CONTAINER, "blog"),
    ),
    "/lain/config/ssl": "secret",
  });
  const images = await example();
  for (const target of ["source", "binary"] as const) {
    await t.step(target, (t) => story(t, target, etcd, images));
  }
});

async function story(
  t: Deno.TestContext,
  target: "source" | "binary",
  etcd: TestEtcd,
  images: string,
): Promise<void> {
  await using folder = await ApiFolder.make();
  await using lainlet = await LainletProcess.start(target, [
    `--etcd=${etcd.endpoint}`,
    `--apis=${folder.path}`,
    "--workers=2",
    "--debug",
    "--ip",
    GOLDEN_HOST.ip,
  ]);
  const { program, url } = lainlet;
  await using stack = new AsyncDisposableStack();
  const open = async (path: string, from?: string) =>
    stack.use(await Stream.open(url + path, from));
  const json = async (path: string, from?: string) =>
    JSON.parse((await get(url + path, from)).body);
  const loads = () => program.stderr.split("API files are loaded").length - 1;
  const reload = async (files: Record<string, string | null>) => {
    await folder.write(files);
    const before = loads();
    program.signal("SIGHUP");
    await eventually("they are read", () => loads() > before || undefined);
  };
  const statusOf = async (file: string) => {
    const { apis: { files } } = await json("/debug");
    const found = files.find((one: { file: string }) => one.file === file);
    return [found?.status, found?.reason];
  };

  // A new value each time, so that each of them has something to send.
  await etcd.write({ "/lain/config/domain": `before.${target}` });
  const others: Stream[] = [];
  for (let i = 0; i < OTHERS; i++) {
    others.push(await open(WATCHED[i % WATCHED.length] ?? ""));
  }
  for (const one of others) {
    assertMatch(String((await one.next())?.event), /^init/);
  }

  await t.step("new files appear, with each watcher", async () => {
    await reload({ ...WATCHER_FILES, "images.js": images });
    const { "blog.web.web": blog, ...shop } = await json("/v2/images");
    assertEquals(shop, { "shop.web.web": [SHOP] });
    assertEquals(await json("/v2/images", CONTAINER), { "blog.web.web": blog });
    const { status } = await get(`${url}/v2/images?appname=shop`, CONTAINER);
    assertEquals(status, 403);
    assertEquals(await json("/v2/settings?prefix=s"), ["ssl=secret"]);
    assertEquals(await json("/v2/settings?prefix=s", CONTAINER), []);
    assertEquals(await json("/v2/ports?node=node1"), { node1: [8080] });
    assertEquals(await json("/v2/services"), { mysql: 1 });
    assertEquals(await json("/v2/node-names"), {
      "node1:192.168.77.21:22": "node1",
    });
    assert("/v2/images" in (await json("/openapi.json")).paths);
  });

  const streams = await Promise.all([
    open("/v2/images?appname=shop&watch=1"),
    open("/v2/images?appname=shop&watch=1&patch=merge"),
    open("/v2/watch?view=images%3Fappname=shop"),
    ...Array.from({ length: 4 }, () => open("/v2/images?appname=shop&watch=1")),
  ]);
  const dataOfAll = async () => {
    const all: unknown[] = [];
    for (const stream of streams) all.push((await stream.next())?.data);
    return all;
  };
  const same = (data: unknown) => streams.map(() => data);
  assertEquals(await dataOfAll(), same({ "shop.web.web": [SHOP] }));

  await t.step("a changed file: its streams get the difference", async () => {
    await reload({
      "images.js": images.replace("[...images].sort()", "[...images].length"),
    });
    assertEquals(await dataOfAll(), same({ "shop.web.web": 1 }));
    assertEquals(await json("/v2/images?appname=shop"), { "shop.web.web": 1 });
  });

  await t.step(
    "a broken file: its last version is served, and reported",
    async () => {
      await reload({ "images.js": images.replace("export", "exprt") });
      const [status, reason] = await statusOf("images.js");
      assertEquals(status, "outdated");
      assertMatch(reason, /^SyntaxError: .* at images\.js:\d+:\d+$/);
      const lines = program.stderr.split("\n")
        .filter((line) => line.includes("its last good version is served"));
      assertEquals(lines.length, 1);
      assert(lines[0]?.includes(reason.replace(/["\\]/g, "\\$&")), lines[0]);
      assertEquals(await json("/v2/images?appname=shop"), {
        "shop.web.web": 1,
      });
    },
  );

  await t.step("other invalid files do not affect valid ones", async () => {
    await folder.write({
      "hangs.js": "await new Promise(() => {});\n",
      "open.js": apiFile(),
      "taken.js": apiFile({ paths: '["/v2/images"]' }),
      "text.js": apiFile({
        paths: '["/v2/text"]',
        piece: "(group) => [[group.name, '\"1\"']]",
      }),
      "throws.js": "throw new Error('no way');\n",
    });
    await Deno.chmod(`${folder.path}/open.js`, 0o666);
    await reload({});
    const reasons = await Promise.all(
      ["hangs.js", "open.js", "taken.js", "throws.js"].map(statusOf),
    );
    assertEquals(reasons.map(([status]) => status), Array(4).fill("failed"));
    assertEquals(reasons.map(([, reason]) => reason), [
      "is not loaded after 5 s",
      `${folder.path}/open.js is writable by its group or by others (mode 0666)`,
      "the path /v2/images is taken by images.js",
      "Error: no way at throws.js:1:7",
    ]);
    assertEquals(await json("/v2/text?appname=shop"), { "shop.web.web": "1" });
    assertMatch(
      program.stderr,
      /file=text\.js what=answer reason="the answer\/shop\.web\.web is not as declared: Expected number"/,
    );
    const { body } = await get(`${url}/metrics`);
    assertMatch(body, /^lainlet_api_files\{status="failed"\} 4$/m);
    await folder.write({
      "hangs.js": null,
      "open.js": null,
      "taken.js": null,
      "text.js": null,
      "throws.js": null,
    });
  });

  await t.step("a fixed file is served again", async () => {
    await reload({ "images.js": images });
    assertEquals(await statusOf("images.js"), ["served", ""]);
    assertEquals(await dataOfAll(), same({ "shop.web.web": [SHOP] }));
  });

  await t.step("a removed file ends its streams", async () => {
    await reload({ "images.js": null });
    assertEquals(await dataOfAll(), same("the endpoint was removed"));
    for (const stream of streams) assertEquals(await stream.next(), undefined);
    assertEquals((await get(`${url}/v2/images`)).status, 404);
    await becomes(
      "no stream is counted",
      async () => (await json("/debug")).goroutines,
      OTHERS,
    );
  });

  await t.step("streams of other views got nothing", async () => {
    await etcd.write({
      "/lain/config/domain": `after.${target}`,
      [groupKey(groupAt("", target))]: groupValue(groupAt("", target)),
    });
    for (const [i, stream] of others.entries()) {
      // The overview has the statistics of lainlet, every second.
      if (i % WATCHED.length === 3) continue;
      let event = await stream.next();
      // The second view's first state.
      if (event?.event.startsWith("init ")) event = await stream.next();
      assertMatch(JSON.stringify(event), new RegExp(`"\\S*${target}`));
      assert(/^2$|\./.test(event?.id ?? ""), JSON.stringify(event));
    }
    await etcd.write({ [groupKey(groupAt("", target))]: null });
    assert(
      !/ level=(error|fatal) (?!logger=lainlet\.apis )/.test(program.stderr),
    );
  });
}

Deno.test("API files: on the command line", async (t) => {
  const folder = await ApiFolder.make({
    "bad.js": "(",
    "kinds.js": apiFile({
      paths: '["/v2/kinds/of-groups"]',
      params: '{ kind: { description: "A kind.", required: true } }',
      mayAsk: '"all"',
      select:
        '(query) => { if (!lainlet.param(query, "kind")) throw lainlet.badRequest("kind required"); return { prefix: "", right: lainlet.ANYONE }; }',
    }),
  });
  await using stack = new AsyncDisposableStack();
  stack.use(folder);
  const store = new MemoryStore(Object.entries(exampleCluster));
  const builtIn = Object.values(apis);
  const apiFiles = new ApiFiles({ folder: folder.path, builtIn });
  const { lainlet, url } = stack.use(
    await new TestLainlet(store, { apiFiles }).ready(),
  );
  await lainlet.reloadApis();
  const prints = async (
    code: number,
    stdout: string | RegExp,
    stderr: string | RegExp,
    ...args: string[]
  ) => {
    const result = await run(...args);
    assertMatch(result.stderr, RegExp(stderr));
    assertMatch(result.stdout, RegExp(stdout));
    assertEquals([args, result.code], [args, code]);
  };

  await t.step("get, and status", async () => {
    const addr = `--addr=${url}`;
    const get = ["get", "kinds/of-groups"];
    const answer = /^\{"shop.web.web":1\}\n$/;
    await prints(0, answer, "^$", ...get, "--kind=a", addr);
    await prints(
      0,
      answer,
      "^$",
      "get",
      addr,
      "--kind",
      "a",
      "/v2/kinds/of-groups",
    );
    await prints(1, "^$", /^lainlet: --kind is required/, ...get, addr);
    await prints(
      2,
      "^$",
      /has no parameter appname/,
      ...get,
      "--appname=a",
      addr,
    );
    await prints(2, "^$", /unknown flag --nosuch/, ...get, "--nosuch=a", addr);
    await prints(
      2,
      "^$",
      /"kinds"; did you mean kinds\//,
      "get",
      "kinds",
      addr,
    );
    const status = /"file":"bad\.js","paths":\[\],"status":"failed"/;
    await prints(0, status, "^$", "status", "-ojson", addr);
    await using terminal = inTerminal("status", addr);
    await terminal.ended();
    assertMatch(
      shown(terminal),
      /API files +2 in \S+, 1 with a problem\n[^]*\n +failed bad\.js: SyntaxError: /,
    );
  });

  await t.step("check", async () => {
    const file = `${folder.path}/cluster.json`;
    const value = groupValue(groupAt("", "blog"));
    await folder.write({
      "cluster.json": JSON.stringify({
        ...exampleCluster,
        [groupKey(groupAt("", "blog"))]: value,
      }),
      "taken.js": apiFile({ paths: '["/v2/pods"]' }),
      "throws.js": apiFile({
        piece:
          "(group) => { if (group.app === 'shop') JSON.parse('x'); return [[group.name, '\"1\"']]; }",
      }),
    });
    const check = (
      name: string,
      ...args: string[]
    ) => [
      "apis",
      "check",
      `${folder.path}/${name}`,
      `--store=memory:${file}`,
      ...args,
    ];
    const all = /^\{"blog.web.web":1,"shop.web.web":1\}\n$/;
    await prints(0, all, "^$", ...check("kinds.js", "kind=a"));
    await prints(
      1,
      "^$",
      /kinds.js: no answer: kind required/,
      ...check("kinds.js"),
    );
    await prints(
      1,
      "^$",
      /bad.js: SyntaxError: .* at bad.js:1:\d+$/m,
      ...check("bad.js"),
    );
    await prints(
      1,
      "^$",
      /taken.js: the path \/v2\/pods is taken by lainlet/,
      ...check("taken.js"),
    );
    await prints(1, "^$", /none.js: No such file/, ...check("none.js"));
    await prints(
      1,
      /^\{"blog.web.web":"1"\}\n$/,
      /throws.js: key shop\/shop.web.web: SyntaxError: .*"x" is not valid JSON at throws.js:\d+:\d+\n.*throws.js: answer: the answer\/blog.web.web is not as declared: Expected number/,
      ...check("throws.js"),
    );
    await prints(2, "^$", /apis: needs check, and a file/, "apis", "check");
  });
});
