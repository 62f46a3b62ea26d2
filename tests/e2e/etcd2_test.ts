/**
 * Lainlet as a process, on etcd's v2 key space: which one is asked, and who
 * lainlet is there. TLS is the binary's, too, whatever it was made with.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { makeCertificates } from "../util/certificates.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess, type TARGETS } from "../util/lainlet.ts";
import { becomes, eventually } from "../util/process.ts";

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
    await says(right, /not let it read \/lain\/nodes\/nodes\/ \(.+\)/);
    await eventually("the others are served", async () => {
      const { body } = await get(`${right.url}/v2/configwatcher`);
      return body === '{"domain":"lain.local"}' || undefined;
    });
    await says(mistaken, /etcd refuses the login in --etcd\.user/);
    assertEquals(mistaken.program.stderr.includes("mistaken"), false);
    await says(misled, /etcd's certificate is not signed by the CA/);
  });
});
