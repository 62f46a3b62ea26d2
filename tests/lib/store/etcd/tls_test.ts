/**
 * TLS to a real etcd, by both of its key spaces: what is said of each fault,
 * and files that are renewed.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { EtcdStore } from "../../../../lib/store/etcd/store.ts";
import { Etcd2Store } from "../../../../lib/store/etcd2/store.ts";
import { TlsFiles } from "../../../../lib/store/tls.ts";
import {
  makeCertificates,
  readTls,
  renew,
} from "../../../util/certificates.ts";
import { Collector } from "../../../util/collector.ts";
import { TestEtcd } from "../../../util/etcd.ts";
import { becomes, eventually } from "../../../util/process.ts";

const STORES = { EtcdStore, Etcd2Store };

/** Waits until a store says what is wrong. */
async function says(
  store: EtcdStore | Etcd2Store,
  expected: RegExp,
): Promise<void> {
  await eventually(`it says ${expected}`, () => {
    const [problem = ""] = store.status.problems;
    assertMatch(problem, expected);
    return true;
  });
}

Deno.test("etcd by TLS: renewed files are read at the next connection, and each fault is named", async (t) => {
  await using good = await makeCertificates();
  await using renewed = await makeCertificates({ by: good });
  await using expired = await makeCertificates({ by: good, days: -1 });
  await using other = await makeCertificates();
  await using etcd = await TestEtcd.start({ tls: good, store: "etcd2" });
  await using plain = await TestEtcd.start({ store: "etcd2" });
  await etcd.write({ "/a/1": "x" });
  await etcd.client.put("/a/1").value("x");
  for (const [name, Store] of Object.entries(STORES)) {
    const follow = async (
      tls: TlsFiles | undefined,
      expected: RegExp,
      endpoint = etcd.endpoint,
    ) => {
      const store = new Store([endpoint], { tls });
      await using _all = new Collector(store, "/a/");
      await says(store, expected);
    };
    await t.step(
      `${name}: a client certificate that expired is replaced, and one step at a time`,
      async () => {
        await using used = await makeCertificates();
        const ca = good.ca;
        await renew(used, expired);
        const client = { cert: used.cert, key: used.key };
        const store = new Store([etcd.endpoint], {
          tls: new TlsFiles({ ca, client }),
        });
        await using all = new Collector(store, "/a/");
        await says(
          store,
          /^etcd refuses the certificate in --etcd\.cert \/\S+\/cert\.pem, which expired on \d{4}-\S+Z \(.+\)$/,
        );
        await Deno.copyFile(renewed.cert, used.cert);
        assertEquals(all.items, []);
        await Deno.copyFile(renewed.key, used.key);
        await all.holds({ "/a/1": "x" });
        await becomes("nothing is wrong", () => store.status.problems, []);
      },
    );
    await t.step(`${name}: another CA`, async () => {
      await using used = await makeCertificates();
      const store = new Store([etcd.endpoint], {
        tls: new TlsFiles({ ca: used.ca, client: good }),
      });
      await using all = new Collector(store, "/a/");
      await says(
        store,
        /^etcd's certificate is not signed by the CA in --etcd\.ca \/\S+\/ca\.pem \(.+\)$/,
      );
      await Deno.copyFile(good.ca, used.ca);
      await all.holds({ "/a/1": "x" });
    });
    await t.step(
      `${name}: no CA, no certificate, another's certificate`,
      async () => {
        await follow(
          undefined,
          /not signed by a CA that this system trusts: name its CA in --etcd\.ca \(/,
        );
        await follow(
          new TlsFiles({ ca: good.ca }),
          /^etcd asks for a client certificate: name one in --etcd\.cert/,
        );
        const { cert, key } = other;
        await follow(
          new TlsFiles({ ca: good.ca, client: { cert, key } }),
          /^etcd refuses the certificate in --etcd\.cert \S+ \(/,
        );
      },
    );
    await t.step(
      `${name}: http where TLS is spoken, and https where it is not`,
      async () => {
        await follow(
          undefined,
          /^etcd speaks TLS at this endpoint: name it as https:\/\//,
          etcd.endpoint.replace("https", "http"),
        );
        await follow(
          readTls(good),
          /^the TLS handshake was cut off: if etcd speaks no TLS/,
          plain.endpoint.replace("http", "https"),
        );
      },
    );
  }
});
