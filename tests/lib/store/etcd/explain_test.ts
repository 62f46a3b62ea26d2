import { assertEquals, assertMatch } from "@std/assert";
import {
  explain,
  probeTls,
  SPEAKS_TLS,
} from "../../../../lib/store/etcd/diagnosis.ts";
import { TlsFiles } from "../../../../lib/store/tls.ts";
import { makeCertificates, readTls } from "../../../util/certificates.ts";
import { freePort } from "../../../util/process.ts";

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

Deno.test("explain: a refusal names the file, and whether that is valid", async () => {
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

Deno.test("explain: what is not given is asked for", async () => {
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
      "etcd did not answer within 3000 ms",
      "the endpoint accepts connections and does not answer (",
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

Deno.test("explain: what tells nothing more is left alone", () => {
  for (const error of [new Error("connect ECONNREFUSED 127.0.0.1:1"), null]) {
    assertEquals(explain(error, {}), undefined);
  }
});

Deno.test("explain: a server that speaks TLS is told from others", async () => {
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
