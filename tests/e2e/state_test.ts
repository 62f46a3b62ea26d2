/**
 * The last known state on disk: lainlet runs as a process, from source and as
 * the binary, which may write in one folder only, and follows a real etcd.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadState } from "../../lib/store/saved/read.ts";
import { get, Stream } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { type LainletProcess, TARGETS } from "../util/lainlet_process.ts";
import { becomes, eventually, freePort, Program } from "../util/process.ts";
import { StateFolder, stop } from "../util/state_folder.ts";

const CONTENT = {
  "/lain/config/domain": "lain.example",
  "/lain/config/a": "1",
  "/lain/nodes/nodes/node1:192.168.77.21:22": "{}",
  "/lain/nodes/nodes/bad:192.168.77.22:22": "not JSON",
};

/** How many lines of a log are about a text. */
function count(log: string, about: RegExp): number {
  return log.split("\n").filter((line) => about.test(line)).length;
}

/** The changes that a lainlet recorded, and which of them it found by comparing states. */
async function history({ url }: LainletProcess): Promise<string[]> {
  const { body } = await get(`${url}/v2/changes`);
  const all: Record<string, string>[] = Object.values(JSON.parse(body));
  return all.map(({ change, earliest, name }) =>
    `${name} ${change}${earliest ? ", compared" : ""}`
  );
}

/** The keys and values of a state file. */
async function read(
  file: string,
  etcd: TestEtcd,
): Promise<Record<string, string>> {
  const identity = { kind: "etcd", endpoints: [etcd.endpoint] };
  const snapshots = await loadState(file, identity);
  const text = new TextDecoder();
  return Object.fromEntries(
    [...snapshots.values()].flatMap(({ pages: [entries] }) =>
      entries.map(({ key, value }) => [key, text.decode(value)])
    ),
  );
}

for (const target of ["source", "binary"] as const) {
  Deno.test(`${target}: the saved state is served without etcd, with its age; then the differences`, async () => {
    await using etcd = await TestEtcd.start();
    await etcd.write(CONTENT);
    await using folder = new StateFolder();
    const args = ["--etcd", etcd.endpoint];
    {
      await using lainlet = await folder.start(target, args);
      await etcd.write({ "/lain/config/a": "0" });
      await etcd.write({ "/lain/config/a": "1" });
      await becomes("it is recorded", () => history(lainlet), [
        "a changed",
        "a changed",
      ]);
      assertEquals(await stop(lainlet), 0);
    }
    assertEquals(await read(folder.file, etcd), CONTENT);
    assertEquals(folder.names(), ["state"]);
    assertEquals((await Deno.stat(folder.file)).mode ?? 0 & 0o777, 0o100600);

    await etcd.kill();
    await using lainlet = await folder.start(target, args, { ready: false });
    const answer = await eventually("it says why", async () => {
      const answer = await get(`${lainlet.url}/v2/configwatcher`);
      const status = answer.headers.get("Cache-Status") ?? "";
      return status.includes("ECONNREFUSED") ? answer : undefined;
    });
    assertEquals(answer.status, 200);
    assertEquals(answer.body, '{"a":"1","domain":"lain.example"}');
    assertMatch(answer.headers.get("Age") ?? "", /^\d+$/);
    assertMatch(
      answer.headers.get("Cache-Status") ?? "",
      /^lainlet; hit; ttl=-?\d+; detail="from \/var\/lib\/lainlet\/state; /,
    );
    const readyz = await get(`${lainlet.url}/readyz`);
    assertEquals(readyz.status, 503);
    assertMatch(
      readyz.body,
      /ECONNREFUSED.*podgroup are from \/var\/lib\/lainlet\/state, \d+ s old$/,
    );
    const watch = (path: string) => Stream.open(`${lainlet.url}${path}watch=1`);
    await using changed = await watch("/v2/configwatcher?target=a&");
    await using unchanged = await watch("/v2/nodes?");
    assertEquals((await changed.next())?.data, { a: "1" });
    const nodes = await unchanged.next();
    assertMatch(JSON.stringify(nodes?.data), /node1/);

    await etcd.launch();
    await etcd.write({ "/lain/config/a": "2" });
    assertEquals(await changed.next(), {
      id: "2",
      event: "update",
      data: { a: "2" },
    });
    await eventually("it is ready", async () => {
      const { status } = await get(`${lainlet.url}/readyz`);
      return status === 200 || undefined;
    });
    const { headers } = await get(`${lainlet.url}/v2/configwatcher`);
    assertEquals([headers.get("Age"), headers.get("Cache-Status")], [
      null,
      null,
    ]);
    // The first event after the saved state is a real change.
    await etcd.write({ "/lain/nodes/nodes/node1:192.168.77.21:22": null });
    assertEquals(await unchanged.next(), {
      id: "2",
      event: "delete",
      data: {},
    });
    assertEquals(await history(lainlet), [
      "a changed",
      "a changed",
      "a changed, compared",
      "node1:192.168.77.21:22 removed",
    ]);
    // It was bad in the file, and still is.
    assertEquals(count(lainlet.program.stderr, /invalid value/), 1);
  });

  Deno.test(`${target}: a state where lainlet may not write is one line, with 2`, async () => {
    const [command, ...first] = TARGETS[target];
    for (const file of ["/var/lib/state", "/tmp/state", "/var/lib/lainlet"]) {
      await using program = new Program(command, [
        ...first,
        `--state=${file}`,
      ]);
      assertEquals((await program.ended()).code, 2);
      assertMatch(
        program.stderr,
        /^lainlet: --state: \S+: this lainlet may write under \/var\/lib\/lainlet only .*\n$/,
      );
    }
  });
}

// From source this is the same code, with a runtime that is newer: the binary shows it.

Deno.test("binary: of a state that was saved", async (t) => {
  await using etcd = await TestEtcd.start();
  await etcd.write(CONTENT);
  await using folder = new StateFolder();
  const args = ["--etcd", etcd.endpoint];
  {
    await using lainlet = await folder.start("binary", args);
    assertEquals(await stop(lainlet), 0);
  }

  // Each step leaves the file as it was, but the last one.
  await t.step(
    "a full disk is said, leaves what there was, and is over when it is over",
    async () => {
      const large = "/lain/config/large";
      const before = await Deno.readFile(folder.file);
      for (const isOver of [false, true]) {
        await etcd.write({ [large]: "x".repeat(1_200_000) });
        await using lainlet = await folder.start("binary", args, {
          kind: "small",
        });
        const problem = await eventually("it says so", async () => {
          const { body } = await get(`${lainlet.url}/debug`);
          return /the state cannot be saved[^"]*/.exec(body)?.[0];
        });
        assertMatch(problem, /No space left/);
        assertEquals((await get(`${lainlet.url}/readyz`)).status, 200);
        if (isOver) {
          await etcd.write({ [large]: null });
          await eventually("that is heard", async () => {
            const { body } = await get(`${lainlet.url}/v2/configwatcher`);
            return !body.includes("large") || undefined;
          });
        }
        assertEquals(await stop(lainlet), 0);
        const { stderr } = lainlet.program;
        assertEquals(count(stderr, /the state cannot be saved/), 1);
        assertEquals(count(stderr, /the state is saved again/), isOver ? 1 : 0);
        assertEquals(folder.names(), ["state"]);
        if (!isOver) assertEquals(await Deno.readFile(folder.file), before);
      }
      assertEquals(await read(folder.file, etcd), CONTENT);
    },
  );

  await t.step("an empty etcd removes nothing", async () => {
    await etcd.clear();
    await using lainlet = await folder.start("binary", args, { ready: false });
    await eventually("it was read", async () => {
      const { status, body } = await get(`${lainlet.url}/readyz`);
      return status === 503 && body.startsWith("the store holds") || undefined;
    });
    const { headers, body } = await get(`${lainlet.url}/v2/configwatcher`);
    assertEquals(body, '{"a":"1","domain":"lain.example"}');
    assert(headers.has("Age"));
    assertEquals(await stop(lainlet), 0);
    assertEquals(await read(folder.file, etcd), CONTENT);
  });

  await t.step(
    "the file of another cluster, or what is none, is one line, and as if it were not there",
    async () => {
      const other = `http://127.0.0.1:${freePort()}`;
      const starts = async (args: readonly string[], reason: string) => {
        await using lainlet = await folder.start("binary", args, {
          ready: false,
        });
        const { status } = await get(`${lainlet.url}/v2/configwatcher`);
        assertEquals(status, 503);
        assertEquals(await stop(lainlet), 0);
        const { stderr } = lainlet.program;
        assertEquals(count(stderr, /the saved state is not used/), 1);
        assert(stderr.includes(reason), stderr);
      };
      await starts(["--etcd", other], `it is of etcd at ${etcd.endpoint}`);
      await Deno.chmod(folder.file, 0o622);
      await starts(["--etcd", other], "others may write it (mode 0622)");
      await Deno.chmod(folder.file, 0o600);
      const { size } = await Deno.stat(folder.file);
      await Deno.truncate(folder.file, size - 1);
      await etcd.kill();
      await starts(args, "it is damaged");
    },
  );
});

Deno.test("binary: where nothing can be written it serves, and says so once", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write(CONTENT);
  await using folder = new StateFolder();
  for (const kind of ["absent", "read-only"] as const) {
    const args = ["--etcd", etcd.endpoint];
    await using lainlet = await folder.start("binary", args, { kind });
    await eventually("it says so", async () => {
      const { body } = await get(`${lainlet.url}/debug`);
      return body.includes("the state cannot be saved in /var/lib/") ||
        undefined;
    });
    assertEquals((await get(`${lainlet.url}/readyz`)).status, 200);
    assertEquals(await stop(lainlet), 0);
    const { stderr } = lainlet.program;
    assertEquals(
      count(stderr, /level=warning .*the state cannot be saved/),
      1,
    );
  }
  assertEquals(folder.names(), []);
});

Deno.test("binary: killed at least ten times while it writes, the file is always one that can be read", async () => {
  await using etcd = await TestEtcd.start();
  // So much that a write takes a while.
  const keys = Array.from({ length: 8 }, (_, i) => `/lain/config/${i}`);
  const text = "x".repeat(1_000_000);
  for (const key of keys) await etcd.write({ [key]: text });
  const args = ["--etcd", etcd.endpoint];
  await using folder = new StateFolder();
  {
    await using lainlet = await folder.start("binary", args);
    assertEquals(await stop(lainlet), 0);
  }
  let halves = 0;
  // On a busy machine a write may end before its beginning is reported.
  for (let i = 0; i < 10 || halves === 0 && i < 100; i++) {
    using changes = Deno.watchFs(folder.folder);
    const [command = "", ...rest] = [
      ...folder.within(),
      ...TARGETS.binary,
      `--state=${StateFolder.file}`,
      "--web=127.0.0.1:0",
      ...args,
    ];
    await using program = new Program(command, rest);
    for await (const { paths } of changes) {
      if (paths.some((path) => path.endsWith(".new"))) break;
    }
    // Each write is cut at another place.
    await new Promise((resolve) => setTimeout(resolve, 40 * Math.random()));
    program.signal("SIGKILL");
    await program.ended();
    if (folder.names().length > 1) halves++;
    assertEquals(Object.keys(await read(folder.file, etcd)), keys.toSorted());
  }
  assert(halves > 0, "no write was cut");
  await using lainlet = await folder.start("binary", args);
  assertEquals(await stop(lainlet), 0);
  assertEquals(folder.names(), ["state"]);
});
