import { assertEquals, assertMatch } from "@std/assert";
import {
  Diagnosis,
  explain,
  isEtcd2,
  probeTls,
  SPEAKS_TLS,
  STATE_IN_V2,
} from "../../../../lib/store/etcd/diagnosis.ts";
import { TlsFiles } from "../../../../lib/store/tls.ts";
import {
  makeCertificates,
  openssl,
  readTls,
} from "../../../util/certificates.ts";
import { eventually, freePort } from "../../../util/process.ts";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";

/** An error that needs no look. */
const CLEAR = new Error("clear");

Deno.test("diagnosis: each failure probes again, and a finding is reported once", async () => {
  const error = "vague";
  const told: string[] = [];
  const looks: PromiseWithResolvers<string | undefined>[] = [];
  const diagnosis: Diagnosis = new Diagnosis(
    (error) => error === CLEAR ? "clear" : undefined,
    () => {
      const look = Promise.withResolvers<string | undefined>();
      looks.push(look);
      return look.promise;
    },
    // As whoever tells it asks for it.
    (endpoint) =>
      told.push(`${endpoint}: ${diagnosis.explain(endpoint, error)}`),
  );
  const finds = async (what: string | undefined) => {
    looks.at(-1)?.resolve(what);
    await new Promise((resolve) => setTimeout(resolve));
  };
  assertEquals([diagnosis.explain("a", CLEAR), looks.length], ["clear", 0]);
  assertEquals([diagnosis.explain("a", error), diagnosis.explain("a", error)], [
    error,
    error,
  ]);
  await finds("one");
  assertEquals([looks.length, told], [1, ["a: one"]]);
  assertEquals(diagnosis.explain("a", error), "one");
  await finds("one");
  assertEquals(diagnosis.explain("a", error), "one");
  await finds(undefined);
  assertEquals(diagnosis.explain("a", error), error);
  await finds("two");
  assertEquals(told, ["a: one", "a: two"]);
  // Nothing is found out when there is a connection since.
  assertEquals(diagnosis.explain("a", error), "two");
  diagnosis.clear();
  await finds("three");
  assertEquals(diagnosis.explain("a", error), error);
  assertEquals(told, ["a: one", "a: two"]);
});

const DAY = 24 * 3_600_000;
const UNTRUSTED = [
  "unable to verify the first certificate",
  "self-signed certificate in certificate chain",
  "invalid peer certificate: UnknownIssuer",
  "invalid peer certificate: BadSignature",
];
const REFUSED = [
  "received fatal alert: BadCertificate",
  "received fatal alert: CertificateExpired",
  "received fatal alert: UnknownCA",
];

Deno.test("explain: a refusal names the file, and why it is not valid", async () => {
  await using pair = await makeCertificates();
  const login = { tls: readTls(pair) };
  const now = Date.now();
  for (
    const [lines, begin] of [
      [
        UNTRUSTED,
        `etcd's certificate is not signed by the CA in --etcd.ca ${pair.ca}`,
      ],
      [REFUSED, `etcd refuses the certificate in --etcd.cert ${pair.cert}`],
    ] as const
  ) {
    for (const line of lines) {
      const says = (at: number) => {
        const text = explain(new Error(line), login, at) ?? "";
        assertEquals(text.startsWith(begin), true, text);
        assertEquals(text.endsWith(` (${line})`), true, text);
        return text.slice(begin.length, -` (${line})`.length);
      };
      assertEquals(says(now), "");
      assertMatch(
        says(now + 3 * DAY),
        /^, which expired on \d{4}-[\d-]+T\S+Z$/,
      );
      assertMatch(
        says(now - DAY),
        /^, which is not valid before \d{4}-[\d-]+T\S+Z$/,
      );
    }
  }
});

Deno.test("explain: a missing flag is named", async () => {
  await using pair = await makeCertificates();
  const [untrusted] = UNTRUSTED;
  const [refused] = REFUSED;
  assertEquals(
    explain(new Error(untrusted), {}),
    `etcd's certificate is not signed by a CA that this system trusts: name its CA in --etcd.ca (${untrusted})`,
  );
  const anonymous = { tls: new TlsFiles({ ca: pair.ca }) };
  assertEquals(
    explain(new Error(refused), anonymous),
    `etcd asks for a client certificate: name one in --etcd.cert, and its key in --etcd.key (${refused})`,
  );
  const meanings: [line: string, begin: string][] = [
    ["certificate has expired", "etcd's certificate has expired ("],
    ["invalid peer certificate: Expired", "etcd's certificate has expired ("],
    ["certificate is not yet valid", "etcd's certificate is not valid yet ("],
    [
      "invalid peer certificate: NotValidForName",
      "etcd's certificate is for other names than the endpoint's (",
    ],
    [
      "etcd did not respond within 3000 ms",
      "the endpoint accepts connections and does not respond (",
    ],
    [
      "tls handshake eof",
      "the TLS handshake was cut off: if etcd speaks no TLS",
    ],
    [
      "etcdserver: user name is empty",
      "etcd asks for a login: give one in --etcd.user (",
    ],
    [
      "etcdserver: authentication failed, invalid user ID or password",
      "etcd refuses the login in --etcd.user (",
    ],
  ];
  for (const [line, begin] of meanings) {
    const text = explain(new Error(line), anonymous) ?? "";
    assertEquals(text.startsWith(begin), true, text);
  }
});

Deno.test("explain: other errors are not explained", () => {
  for (const error of [new Error("connect ECONNREFUSED 127.0.0.1:1"), null]) {
    assertEquals(explain(error, {}), undefined);
  }
});

Deno.test("probeTls: recognizes a server that speaks TLS", async () => {
  await using pair = await makeCertificates();
  const spoken = async (url: string) => await probeTls(url, {}) === SPEAKS_TLS;
  const address = { hostname: "127.0.0.1", port: 0 };
  using secure = Deno.listenTls({
    ...address,
    cert: await Deno.readTextFile(pair.cert),
    key: await Deno.readTextFile(pair.key),
  });
  secure.accept().then((conn) =>
    conn.handshake().catch(() => {}).finally(() => conn.close())
  );
  assertEquals(await spoken(`http://127.0.0.1:${secure.addr.port}`), true);
  await using plain = Deno.serve(
    { ...address, onListen: () => {} },
    () => new Response("x"),
  );
  assertEquals(await spoken(`http://127.0.0.1:${plain.addr.port}`), false);
  assertEquals(await spoken(`http://127.0.0.1:${freePort()}`), false);
  using closing = Deno.listen(address);
  const closes = closing.accept().then((conn) => conn.close());
  assertEquals(await spoken(`http://127.0.0.1:${closing.addr.port}`), false);
  await closes;
  // As an etcd that was stopped by a signal: the kernel accepts.
  using silent = Deno.listen(address);
  assertEquals(await spoken(`http://127.0.0.1:${silent.addr.port}`), false);
});

Deno.test("etcd: a state in the v2 key space is reported while the v3 keys are empty", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  const store = new EtcdStore([etcd.endpoint], { checkEvery: 100 });
  await using config = new Collector(store, "/lain/config/");
  await using _nodes = new Collector(store, "/lain/nodes/nodes/");
  /** Waits until a check that began after now has said this. */
  const problems = async (expected: string[]) => {
    const now = performance.now();
    await eventually(
      "a check is done",
      () =>
        performance.now() - store.age("/lain/config/") > now + 200 || undefined,
    );
    await eventually(`the problems are ${expected}`, () => {
      assertEquals(store.status.problems, expected);
      return true;
    });
  };
  await config.count(1);
  await etcd.write({ "/other": "x" });
  await problems([]);
  await etcd.write({ "/lain/nodes/nodes/a:1:22": "{}" });
  await problems([STATE_IN_V2]);
  await etcd.client.put("/lain/config/domain").value("lain.local");
  await config.count(2);
  await problems([]);
  assertEquals(store.status.reconnects, 0);
});

Deno.test("etcd: an etcd 2, which has no v3 key space, is reported", async () => {
  let version = "2.3.7";
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    handler: ({ url }) =>
      url.endsWith("/version")
        ? Response.json({ etcdserver: version, etcdcluster: "2.3.0" })
        : new Response("404 page not found", { status: 404 }),
  });
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const open = () => new EtcdStore([endpoint]);
  const old = open();
  await using _config = new Collector(old, "/lain/config/");
  await eventually("it is said", () => {
    assertEquals(old.status.problems, [STATE_IN_V2]);
    return true;
  });
  version = "3.4.23";
  const other = open();
  await using _other = new Collector(other, "/lain/config/");
  const [problem] = await eventually(
    "something else is said",
    () => other.status.problems.length > 0 ? other.status.problems : undefined,
  );
  assertEquals(problem === STATE_IN_V2, false);
});

Deno.test("etcd: a client key that the runtime cannot use does not end the search for a reason", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-key-" });
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  try {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    const files = ["-nodes", "-keyout", key, "-out", cert];
    await openssl("req", "-x509", ...curve, ...files, "-subj", "/CN=lainlet");
    const tls = new TlsFiles({ ca: cert, client: { cert, key } });
    assertEquals(await isEtcd2("https://127.0.0.1:1", { tls }), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
