import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  Frames,
  OP,
  Reader,
  Writer,
} from "../../../../lib/store/zookeeper/protocol.ts";
import { Session } from "../../../../lib/store/zookeeper/session.ts";
import { ZooKeeperStore } from "../../../../lib/store/zookeeper/store.ts";
import { Collector } from "../../../util/collector.ts";
import { Hostile, type Play, says, silence } from "../../../util/hostile.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { TestZooKeeper } from "../../../util/zookeeper.ts";

/** How ZooKeeper greets. */
const greeting = (timeout: number) =>
  new Writer().int(0).int(timeout).long(1).bytes(new Uint8Array(16))
    .boolean(false).frame();
const GREETING = greeting(40_000);

/** The header of an answer. */
const reply = (xid: number, code = 0) =>
  new Writer().int(xid).long(5).int(code).frame();

/** A server that greets, hears the first two requests, and says something. */
const greets = (...parts: Uint8Array[]): Play => async (conn) => {
  await says(GREETING)(conn, "");
  await conn.read(new Uint8Array(1_000));
  await says(...parts)(conn, "");
  await silence(conn, "");
};

/** A stat, with how long the data are, and how many children there are. */
const stat = (writer: Writer, size: number, children: number) =>
  writer.long(1).long(1).long(1).long(1).int(0).int(0).int(0).long(0)
    .int(size).int(children).long(1);

/** A server that answers all that finds out whether it works, and closes at once. */
const answersAndCloses: Play = async (conn) => {
  await says(GREETING)(conn, "");
  await conn.read(new Uint8Array(1_000));
  const synced = new Writer().int(1).long(5).int(0).text("/").frame();
  const found = stat(new Writer().int(2).long(5).int(0), 0, 0).frame();
  await says(Uint8Array.of(...synced, ...found))(conn, "");
};

/** A server each of whose znodes has 1 MB, and two children. */
const endlessTree: Play = async (conn) => {
  await says(GREETING)(conn, "");
  const frames = new Frames();
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    for (const message of frames.push(buffer.subarray(0, count))) {
      const request = new Reader(message);
      const answer = new Writer().int(request.int()).long(5).int(0);
      const op = request.int();
      if (op === OP.sync) answer.text("/");
      if (op === OP.getData) answer.bytes(new Uint8Array(1_000_000));
      if (op === OP.getChildren2) answer.int(2).text("a").text("b");
      await says(stat(answer, 1_000_000, 2).frame())(conn, "");
    }
  }
};

/** What is no ZooKeeper, and what is said of it. */
const HOSTILE: Record<string, [play: Play, problem: RegExp]> = {
  "another's answer": [
    says("HTTP/1.1 400 Bad Request\r\n\r\n"),
    /^the response is not from ZooKeeper$/,
  ],
  "a length below nothing": [
    says(Uint8Array.of(255, 255, 255, 255)),
    /^the response is not from ZooKeeper$/,
  ],
  "the end": [says(), /^ZooKeeper closed the connection$/],
  "all answers, and the end at once": [
    answersAndCloses,
    /^ZooKeeper closed the connection$/,
  ],
  "half a greeting": [
    says(GREETING.subarray(0, 20)),
    /^ZooKeeper closed the connection$/,
  ],
  "a greeting that is too short": [
    says(new Writer().int(0).frame()),
    /^ZooKeeper's response is malformed$/,
  ],
  "no session": [says(greeting(0)), /^ZooKeeper refuses a session$/],
  "silence": [silence, /^ZooKeeper did not respond within 3000 ms$/],
  "silence after the greeting": [
    greets(),
    /^ZooKeeper did not respond within 3000 ms$/,
  ],
  "silence within an answer": [
    greets(new Writer().int(1).frame().subarray(0, 6)),
    /^ZooKeeper did not respond within 3000 ms$/,
  ],
  "an answer to nothing": [
    greets(reply(77)),
    /^ZooKeeper's response is to something else$/,
  ],
  "an answer without what was asked for": [
    greets(reply(1)),
    /^ZooKeeper's response is malformed$/,
  ],
  "a header that is cut": [
    greets(new Writer().int(1).frame()),
    /^ZooKeeper's response is malformed$/,
  ],
  "an event that is cut": [
    greets(reply(-1)),
    /^ZooKeeper's response is malformed$/,
  ],
  "an error that nobody knows": [
    greets(reply(1, -99)),
    /^ZooKeeper's error -99$/,
  ],
  "a tree without end": [
    endlessTree,
    /^ZooKeeper's responses have more than 256 MB$/,
  ],
  "an expired session": [greets(reply(1, -112)), /^the session has expired$/],
};

Deno.test("ZooKeeper: any other server is reported in one line, and tried again", async (t) => {
  await Promise.all(
    Object.entries(HOSTILE).map(([name, [play, expected]]) =>
      t.step({
        name,
        sanitizeResources: false,
        sanitizeOps: false,
        sanitizeExit: false,
        fn: async () => {
          await using server = new Hostile(play);
          const store = new ZooKeeperStore([server.addr]);
          await using all = new Collector(store, "/a/");
          const problem = await eventually(
            "it is told",
            () => store.status.problems[0],
          );
          assertMatch(problem, expected);
          await eventually(
            "it is tried again",
            () => server.accepted > 1 || undefined,
          );
          assertEquals(all.items, []);
        },
      })
    ),
  );
});

Deno.test("ZooKeeper session: errors of a closed port, a refused login, a closed session", async () => {
  const none = new Session(`127.0.0.1:${freePort()}`, () => {});
  await assertRejects(() => none.connect(), Error, "Connection refused");
  await using server = new Hostile(greets(reply(-4, -115)));
  const refused = new Session(server.addr, () => {});
  await refused.connect();
  await assertRejects(
    () => refused.authenticate("a:b"),
    Error,
    "ZooKeeper refuses the login in --zookeeper.user",
  );
  await using quiet = new Hostile(greets());
  const closed = new Session(quiet.addr, () => {});
  await closed.connect();
  const sync = () =>
    closed.request(OP.sync, (writer) => writer.text("/"), () => {});
  const asked = sync();
  closed.close();
  await assertRejects(() => asked, Error, "the connection was closed");
  await assertRejects(sync, Error, "the connection was closed");
  await assertRejects(
    () => closed.authenticate("a:b"),
    Error,
    "the connection was closed",
  );
  assertEquals(closed.signal.reason, null);
});

Deno.test("ZooKeeper session: a reply that is cut off fails its request and those after it", async () => {
  await using server = new Hostile(greets(reply(1)));
  const session = new Session(server.addr, () => {});
  await session.connect();
  const sync = () =>
    session.request(
      OP.sync,
      (writer) => writer.text("/"),
      (reader) => reader.text(),
    );
  const requests = await Promise.race([
    Promise.allSettled([sync(), sync()]),
    new Promise<[]>((resolve) =>
      session.signal.addEventListener(
        "abort",
        () => setTimeout(() => resolve([])),
      )
    ),
  ]);
  assertEquals(
    requests.map((one) => one.status === "rejected" && one.reason.message),
    Array(2).fill("ZooKeeper's response is malformed"),
  );
});

Deno.test("ZooKeeper: a session that ends when it begins is tried again, with and without a login", async () => {
  await using server = new Hostile(
    says(Uint8Array.of(...GREETING, ...reply(77))),
  );
  const auth = { username: "a", password: "b" };
  const store = new ZooKeeperStore([server.addr], { auth });
  await using _all = new Collector(store, "/a/");
  await eventually("it is tried again", () => server.accepted > 1 || undefined);
  assertEquals(store.status.problems, [
    "ZooKeeper's response is to something else",
  ]);
});

Deno.test("ZooKeeper session: pings keep it alive, and its end is sent to ZooKeeper", async () => {
  // Sessions last for 2 s at the most.
  await using zookeeper = await TestZooKeeper.start({ tick: 100 });
  const session = new Session(zookeeper.endpoint, () => {});
  await session.connect();
  const before = await zookeeper.figure("global_sessions");
  const now = performance.now();
  await eventually(
    "it would have expired twice",
    () => performance.now() - now > 4_000 || undefined,
  );
  assertEquals(session.signal.aborted, false);
  assertEquals(await zookeeper.figure("global_sessions"), before);
  session.close();
  await eventually(
    "it is forgotten",
    async () => await zookeeper.figure("global_sessions") < before || undefined,
    3_000,
  );
});
