/**
 * Lainlet as a process, on etcd's v2 key space: the choice of the key space, TLS
 * and logins. The binary has TLS here, too, whatever runtime it was made with.
 *
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeCertificates, openssl } from "../util/certificates.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess, TARGETS } from "../util/lainlet_process.ts";
import { becomes, eventually, Program } from "../util/process.ts";

const TELLS =
  /the cluster's state is in etcd's v2 key space: start lainlet with --store=etcd2/;

async function onBoth(
  run: (target: keyof typeof TARGETS) => Promise<void>,
): Promise<void> {
  await Promise.all((["source", "binary"] as const).map(run));
}

Deno.test("a lainlet that looks for the state in the other key space says which one it is in", async () => {
  await using etcd = await TestEtcd.start({ store: "etcd2" });
  await etcd.write({ "/lain/config/domain": "lain.local" });
  await onBoth(async (target) => {
    const args = ["--etcd", etcd.endpoint];
    {
      await using lainlet = await LainletProcess.start(target, args, {
        ready: false,
      });
      await eventually("it says which", async () => {
        const { status, body } = await get(`${lainlet.url}/readyz`);
        assertEquals(status, 503);
        assertMatch(body, TELLS);
        return true;
      });
      await becomes(
        "how many lines tell of it",
        () =>
          lainlet.program.stderr.split("\n")
            .filter((line) => TELLS.test(line)).length,
        1,
      );
    }
    const env = { LAINLET_STORE: "etcd2" };
    await using lainlet = await LainletProcess.start(target, args, { env });
    const { body } = await get(`${lainlet.url}/v2/configwatcher`);
    assertEquals(body, '{"domain":"lain.local"}');
  });
});

Deno.test("etcd v2: TLS, and a login that may read some subtrees", async () => {
  await using tls = await makeCertificates();
  await using etcd = await TestEtcd.start({ store: "etcd2", tls });
  await etcd.write({
    "/lain/config/domain": "lain.local",
    "/lain/nodes/nodes/a:1:22": "{}",
  });
  await etcd.authenticate(["/lain/config/"]);
  await using other = await makeCertificates();
  await onBoth(async (target) => {
    const args = [
      "--store=etcd2",
      "--etcd",
      etcd.endpoint,
      `--etcd.cert=${tls.cert}`,
      `--etcd.key=${tls.key}`,
    ];
    await using stack = new AsyncDisposableStack();
    const start = async (ca: string, password: string) =>
      stack.use(
        await LainletProcess.start(target, [...args, `--etcd.ca=${ca}`], {
          ready: false,
          env: { LAINLET_ETCD_USER: `lainlet:${password}` },
        }),
      );
    const says = (lainlet: LainletProcess, expected: RegExp) =>
      eventually(`readyz says ${expected}`, async () => {
        const { status, body } = await get(`${lainlet.url}/readyz`);
        assertEquals(status, 503);
        assertMatch(body, expected);
        return true;
      });
    const [right, mistaken, misled] = await Promise.all([
      start(tls.ca, "secret"),
      start(tls.ca, "mistaken"),
      start(other.ca, "secret"),
    ]);
    await says(
      right,
      /\/lain\/nodes\/nodes\/: etcd refuses the login in --etcd\.user, or does not let it read this \(.+?\)/,
    );
    await eventually("the others are served", async () => {
      const { body } = await get(`${right.url}/v2/configwatcher`);
      return body === '{"domain":"lain.local"}' || undefined;
    });
    await says(mistaken, /etcd refuses the login in --etcd\.user/);
    assertEquals(mistaken.program.stderr.includes("mistaken"), false);
    await says(misled, /etcd's certificate is not signed by the CA/);
  });
});

Deno.test("a certificate or key that cannot be used is one line, with 2, before anything listens", async () => {
  await using tls = await makeCertificates();
  await using other = await makeCertificates({ by: tls });
  const encrypted = tls.key.replace("key.pem", "encrypted.pem");
  const cipher = ["-aes128", "-passout", "pass:x", "-out", encrypted];
  await openssl("pkey", "-in", tls.key, ...cipher);
  const wrong: [ca: string, cert: string, key: string, line: string][] = [
    [tls.ca, tls.cert, other.key, `--etcd.key: ${other.key} is not the key of`],
    [tls.ca, tls.cert, encrypted, `--etcd.key: ${encrypted} is encrypted`],
    [tls.ca, tls.key, tls.cert, `--etcd.cert: ${tls.key} holds a private key`],
    [tls.key, tls.cert, tls.key, `--etcd.ca: ${tls.key} holds a private key`],
  ];
  await onBoth(async (target) => {
    const [command, ...before] = TARGETS[target];
    for (const [ca, cert, key, line] of wrong) {
      await using program = new Program(command, [
        ...before,
        "--store=etcd2",
        "--web=127.0.0.1:0",
        `--etcd.ca=${ca}`,
        `--etcd.cert=${cert}`,
        `--etcd.key=${key}`,
      ]);
      const { code } = await program.ended();
      const [first = "", ...rest] = program.stderr.split("\n");
      assertEquals([code, rest], [2, [""]], program.stderr);
      assertStringIncludes(first, `lainlet: ${line}`);
    }
  });
});
