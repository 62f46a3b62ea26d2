import { Buffer } from "node:buffer";
import { Etcd3 } from "etcd3";
import "../../lib/store/etcd_sockets.ts";
import { eventually, freePort, Program } from "./process.ts";

/** Keys to put, and keys to delete (null), in one revision. */
export type Changes = Readonly<Record<string, string | Uint8Array | null>>;

/** Files and a login for an etcd that wants them. */
export interface EtcdOptions {
  /** PEM files; the server asks clients for a certificate of the same CA. */
  readonly tls?: { ca: string; cert: string; key: string };
}

/** A real etcd of one member, in a process and a folder of its own. */
export class TestEtcd implements AsyncDisposable {
  readonly client: Etcd3;
  #program?: Program;

  private constructor(
    readonly endpoint: string,
    private readonly args: readonly string[],
    private readonly folder: string,
    options: EtcdOptions,
  ) {
    const { tls } = options;
    const read = (file: string) => Buffer.from(Deno.readFileSync(file));
    this.client = new Etcd3({
      hosts: endpoint,
      credentials: tls && {
        rootCertificate: read(tls.ca),
        privateKey: read(tls.key),
        certChain: read(tls.cert),
      },
    });
  }

  static async start(options: EtcdOptions = {}): Promise<TestEtcd> {
    const folder = await Deno.makeTempDir({ prefix: "lainlet-etcd-" });
    const { tls } = options;
    const url = `${tls ? "https" : "http"}://127.0.0.1:${freePort()}`;
    const peer = `http://127.0.0.1:${freePort()}`;
    const args = [
      `--data-dir=${folder}/data`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync",
      ...tls
        ? [
          "--client-cert-auth",
          `--trusted-ca-file=${tls.ca}`,
          `--cert-file=${tls.cert}`,
          `--key-file=${tls.key}`,
        ]
        : [],
    ];
    const etcd = new TestEtcd(url, args, folder, options);
    await etcd.launch();
    return etcd;
  }

  /** Starts the process, and waits until it answers. */
  async launch(): Promise<void> {
    this.#program = new Program("etcd", this.args);
    const { hostname, port } = new URL(this.endpoint);
    // The client would take a rest of 5 s after some failures.
    await eventually("etcd listens", async () => {
      (await Deno.connect({ hostname, port: Number(port) })).close();
      return true;
    });
    await eventually("etcd answers", async () => {
      await this.client.maintenance.status();
      return true;
    });
  }

  /** Ends the process without warning; its data stay. */
  async kill(): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  /** Makes all changes in one transaction. @returns its revision */
  async write(changes: Changes): Promise<number> {
    const { header } = await this.client.kv.txn({
      success: Object.entries(changes).map(([key, value]) =>
        value === null ? { request_delete_range: { key: Buffer.from(key) } } : {
          request_put: { key: Buffer.from(key), value: Buffer.from(value) },
        }
      ),
    });
    return Number(header.revision);
  }

  /** Writes a whole cluster, key by key. */
  async load(content: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(content)) {
      await this.client.put(key).value(value);
    }
  }

  /** Removes everything. */
  async clear(): Promise<void> {
    await this.client.delete().all();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }
}
