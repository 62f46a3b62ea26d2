/**
 * How a login is kept: tokens that expire, and an etcd whose authentication is
 * switched on and off.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { assertEquals, assertMatch } from "@std/assert";
import { EtcdConnection } from "../../../../lib/store/etcd/connection.ts";
import { rangeOf } from "../../../../lib/store/etcd/range.ts";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { CapturedLog } from "../../../util/captured_log.ts";
import { eventually } from "../../../util/process.ts";
import { Proxy } from "../../../util/proxy.ts";
import { makeTokenKey } from "../../../util/certificates.ts";

const LOGIN = { username: "lainlet", password: "secret" };
const PREFIXES = ["/a/", "/b/"];
const KEPT = { checkEvery: 200, auth: LOGIN };

/** What is said when there is no use for a login. */
const OFF = /etcd's authentication is off/;

/** Follows two prefixes of an etcd, and counts what goes wrong meanwhile. */
class Follower implements AsyncDisposable {
  readonly store: EtcdStore;
  readonly all: readonly Collector[];

  constructor(endpoint: string) {
    this.store = new EtcdStore([endpoint], KEPT);
    this.all = PREFIXES.map((prefix) => new Collector(this.store, prefix));
  }

  /** Writes to each prefix, and waits until that is delivered and confirmed. */
  async follows(etcd: TestEtcd, value: string): Promise<void> {
    await etcd.write({ "/a/1": value, "/b/1": value, "/other": value });
    await Promise.all(
      this.all.map((one, i) => one.holds({ [`${PREFIXES[i]}1`]: value })),
    );
    await this.isConfirmed();
  }

  /** Waits for a check that began after now. */
  async isConfirmed(): Promise<void> {
    const now = performance.now();
    await eventually(
      "a check is done",
      () =>
        PREFIXES.every((one) =>
          performance.now() - this.store.age(one) > now
        ) || undefined,
    );
  }

  /** Nothing went wrong, and no connection was made but the first. */
  isUnbroken(logged: CapturedLog): void {
    const { reconnects, missed, problems } = this.store.status;
    const faults = logged.about(/^(warning|error)/);
    assertEquals(faults.filter((line) => !OFF.test(line)), []);
    assertEquals({ reconnects, missed, problems }, {
      reconnects: 0,
      missed: 0,
      problems: [],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.all) await one[Symbol.asyncDispose]();
  }
}

/** What etcd says of a watch with a token that is too old, and said before 3.4.22. */
const SAYS = [
  "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
  "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
] as const;

Deno.test("etcd login: an expired JWT is replaced without a gap", async () => {
  using logged = new CapturedLog();
  await using key = await makeTokenKey();
  await using etcd = await TestEtcd.start({
    args: key.args("3s"),
  });
  await etcd.write({ "/a/1": "", "/b/1": "" });
  const { revoke, grant } = await etcd.authenticate(PREFIXES);
  await using proxy = new Proxy(etcd.endpoint);
  await using follower = new Follower(proxy.url);
  const begin = performance.now();
  for (let i = 0; performance.now() - begin < 7_000; i++) {
    await follower.follows(etcd, `${i}`);
  }
  // A token is of one revision of all rights: another user's, too.
  await grant("/c/");
  await follower.follows(etcd, "granted");
  await revoke("/c/");
  await follower.follows(etcd, "revoked");
  follower.isUnbroken(logged);
  assertEquals(proxy.accepted, 1);
});

for (const [i, says] of SAYS.entries()) {
  Deno.test(`etcd login: a watch whose token has expired is made with another one, however etcd refuses it: ${i}`, async () => {
    await using key = await makeTokenKey();
    await using etcd = await TestEtcd.start({
      args: key.args("3s"),
    });
    await etcd.authenticate(PREFIXES);
    await using proxy = new Proxy(etcd.endpoint);
    let refusals = 0;
    proxy.editing(() => (bytes) => {
      const at = Buffer.from(bytes).indexOf(SAYS[0]);
      if (at === -1) return bytes;
      refusals++;
      // They are of one length.
      return Buffer.from(bytes).fill(says, at, at + says.length);
    });
    const connection = new EtcdConnection(proxy.url, { auth: LOGIN });
    const events: unknown[] = [];
    const sink = {
      batch: (batch: unknown) => events.push(batch),
      ended: (reason: unknown) => events.push(reason),
    };
    const kept = await connection.watch(rangeOf("/a/"), 0, sink);
    while (refusals < 2) {
      const stop = await connection.watch(rangeOf("/b/"), 0, sink);
      stop();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals(events, []);
    // The first one is still served, on the stream of the first token.
    await etcd.write({ "/a/1": "x" });
    await eventually("it is heard", () => events[0]);
    const refused = await connection.watch(rangeOf("/c/"), 0, sink);
    assertMatch(String(events[1]), /permission denied/);
    for (const stop of [kept, refused]) stop();
    connection.close();
    assertEquals([events.length, proxy.accepted], [2, 1]);
  });
}

for (const kind of ["simple", "JWT"] as const) {
  Deno.test(`etcd login: while authentication is off the login is not used, and is when it is on, with ${kind} tokens`, async () => {
    using logged = new CapturedLog();
    await using key = await makeTokenKey();
    const args = kind === "JWT" ? key.args("5m") : [];
    await using etcd = await TestEtcd.start({ args });
    await etcd.write({ "/a/1": "", "/b/1": "" });
    await using follower = new Follower(etcd.endpoint);
    await follower.follows(etcd, "off");
    assertEquals(logged.about(OFF).length, 1);
    await etcd.authenticate(PREFIXES);
    await follower.follows(etcd, "on");
    await etcd.switchAuthentication(false);
    await follower.follows(etcd, "off again");
    await follower.isConfirmed();
    await etcd.switchAuthentication(true);
    await follower.follows(etcd, "on again");
    follower.isUnbroken(logged);
  });
}

Deno.test("etcd login: another connection uses the same token", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/a/1": "", "/b/1": "" });
  await etcd.authenticate(PREFIXES);
  await using proxy = new Proxy(etcd.endpoint);
  await using follower = new Follower(proxy.url);
  await follower.follows(etcd, "first");
  const logins = () =>
    etcd.metric("grpc_server_started_total", 'grpc_method="Authenticate"');
  const before = await logins();
  for (let i = 1; i <= 3; i++) {
    proxy.fault = "cut";
    proxy.fault = "none";
    await follower.follows(etcd, `${i}`);
    assertEquals(follower.store.status.reconnects, i);
  }
  assertEquals(await logins(), before);
});
