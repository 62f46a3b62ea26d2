/**
 * TLS and logins between lainlet and etcd. TLS is tested from source: the
 * runtime that the binary is made with in tests may lack it.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import {
  type Certificates,
  makeCertificates,
  makeTokenKey,
} from "../util/certificates.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { becomes, eventually } from "../util/process.ts";
import { Watched } from "../util/watched.ts";

function files({ cert, key }: Certificates, { ca }: Certificates): string[] {
  return [`--etcd.ca=${ca}`, `--etcd.cert=${cert}`, `--etcd.key=${key}`];
}

/** The lines of a log that tell of a trouble with etcd. */
function complaints({ program }: LainletProcess): string[] {
  return program.stderr.split("\n").filter((line) =>
    line.includes("not usable")
  );
}

Deno.test("TLS: with the right certificates it serves; each wrong one is one clear line", async (t) => {
  await using good = await makeCertificates();
  await using other = await makeCertificates();
  await using expired = await makeCertificates({ days: -1 });
  await using etcd = await TestEtcd.start({ tls: good });
  await etcd.write({ "/lain/config/domain": "lain.local" });
  // A certificate expires while etcd runs; etcd reads it for each connection.
  await using aging = await makeCertificates();
  await using old = await TestEtcd.start({ tls: aging });
  await Deno.copyFile(expired.cert, aging.cert);
  await Deno.copyFile(expired.key, aging.key);
  const cases: [name: string, etcd: TestEtcd, flags: string[], line: RegExp][] =
    [
      [
        "another CA",
        etcd,
        files(good, other),
        /^etcd's certificate is not signed by the CA in --etcd\.ca \S+ \(.+\); .* are not read yet$/,
      ],
      [
        "no client certificate",
        etcd,
        [`--etcd.ca=${good.ca}`],
        /^etcd asks for a client certificate: .+ \(.+\); .* are not read yet$/,
      ],
      [
        "another's client certificate",
        etcd,
        files(other, good),
        /^etcd refuses the certificate in --etcd\.cert \S+ \(.+\); .* are not read yet$/,
      ],
      [
        "an expired certificate",
        old,
        files(expired, expired),
        /^etcd's certificate has expired \(.+\); .* are not read yet$/,
      ],
    ];
  await t.step("right", async () => {
    await using lainlet = await LainletProcess.start("source", [
      "--etcd",
      etcd.endpoint,
      ...files(good, good),
    ]);
    const { body } = await get(`${lainlet.url}/v2/configwatcher`);
    assertEquals(body, '{"domain":"lain.local"}');
    assertEquals(complaints(lainlet), []);
  });
  for (const [name, { endpoint }, flags, expected] of cases) {
    await t.step(name, async () => {
      await using lainlet = await LainletProcess.start("source", [
        "--etcd",
        endpoint,
        ...flags,
      ], { ready: false });
      await eventually("it says why", async () => {
        const { status, body } = await get(`${lainlet.url}/readyz`);
        assertEquals(status, 503);
        assertMatch(body, expected);
        return true;
      });
      // The handshake that etcd ends may also fail before etcd says why.
      const clear = () =>
        complaints(lainlet)
          .filter((line) => !/EPIPE|Failed to connect/.test(line));
      await becomes("how many lines are clear", () => clear().length, 1);
    });
  }
});

const CONFIG = "/lain/config/";
const DEPENDS = "/lain/deployd/depends/pods/";
const GROUPS = "/lain/deployd/pod_groups/";
const NODES = "/lain/nodes/nodes/";
const LOGIN = "--etcd.user=lainlet:secret";

Deno.test("a login that may not read one subtree: the others are served, and readyz names the one", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({
    [`${CONFIG}domain`]: "lain.local",
    [`${NODES}a:1:22`]: "{}",
  });
  const reader = await etcd.authenticate([CONFIG, DEPENDS, NODES]);
  await using watched = await Watched.start([etcd.endpoint], {
    settings: [LOGIN, "--stale.after=3s"],
    targets: ["source"],
    ready: false,
    streams: false,
  });
  /** Waits until readyz says this. */
  const readyz = (status: number, expected: RegExp) =>
    Promise.all(
      watched.lainlets.map(({ url }) =>
        eventually(`readyz is ${status}`, async () => {
          const answer = await get(`${url}/readyz`);
          assertEquals(answer.status, status, answer.body);
          assertMatch(answer.body, expected);
          return true;
        })
      ),
    );
  const statuses = (path: string) =>
    Promise.all(
      watched.lainlets.map(async ({ url }) => (await get(url + path)).status),
    );
  await readyz(
    503,
    /pod_groups\/: .*permission denied; container and podgroup are not read yet$/,
  );
  assertEquals(await statuses("/v2/configwatcher"), [200]);
  assertEquals(await statuses("/v2/coreinfowatcher"), [503]);
  // What is written is served, and no other subtree is taken for old.
  await etcd.write({ [`${CONFIG}domain`]: "lain.example" });
  for (const { url } of watched.lainlets) {
    await eventually("the change is served", async () => {
      const { body, headers } = await get(`${url}/v2/configwatcher`);
      assertEquals(headers.get("cache-status"), null);
      return body === '{"domain":"lain.example"}' || undefined;
    });
  }
  await reader.grant(GROUPS);
  await readyz(200, /^ok$/);
  await reader.revoke(NODES);
  await etcd.write({ [`${NODES}a:1:22`]: '{"b":1}' });
  await readyz(
    503,
    /nodes\/: .*denied; nodes was last confirmed \d+ s ago$/,
  );
  for (const { url } of watched.lainlets) {
    const { status, headers } = await get(`${url}/v2/nodes`);
    assertEquals(status, 200);
    assertMatch(headers.get("cache-status") ?? "", /^lainlet; hit; ttl=-\d+; /);
    const config = await get(`${url}/v2/configwatcher`);
    assertEquals(config.headers.get("cache-status"), null);
  }
  await reader.grant(NODES);
  await readyz(200, /^ok$/);
  for (const { url } of watched.lainlets) {
    assertMatch((await get(`${url}/v2/nodes`)).body, /"b":1/);
  }
  await watched.isFaultless();
});

Deno.test("a wrong password is one clear line, without the password", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.authenticate(["/lain/"]);
  await using watched = await Watched.start([etcd.endpoint], {
    settings: ["--etcd.user=lainlet:mistaken"],
    targets: ["source"],
    ready: false,
    streams: false,
  });
  for (const lainlet of watched.lainlets) {
    const { body } = await eventually("it says why", async () => {
      const answer = await get(`${lainlet.url}/readyz`);
      return answer.body.includes("password") ? answer : undefined;
    });
    const debug = (await get(`${lainlet.url}/debug`)).body;
    await becomes("how often", () => complaints(lainlet).length, 1);
    assertEquals(
      `${body}${debug}${lainlet.program.stderr}`.includes("mistaken"),
      false,
    );
  }
});

Deno.test("a token that expires is replaced without a gap", async () => {
  await using key = await makeTokenKey();
  await using etcd = await TestEtcd.start({ args: key.args("3s") });
  await etcd.write({ [`${CONFIG}beat`]: "" });
  await etcd.authenticate(["/lain/"]);
  await using watched = await Watched.start([etcd.endpoint], {
    settings: [LOGIN],
  });
  // Longer than a token is valid, twice.
  const end = Date.now() + 6_500;
  for (let i = 0; Date.now() < end; i++) {
    await etcd.write({ [`${CONFIG}beat`]: `${i}` });
    await watched.agrees(await etcd.content());
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await watched.isFaultless();
  for (const { store } of await watched.debug()) {
    assertEquals(store.reconnects, 0);
  }
  assertEquals(watched.lainlets.flatMap(complaints), []);
});
