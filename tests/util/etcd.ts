import { Buffer } from "node:buffer";
import { Etcd3, Range } from "etcd3";
import "../../lib/store/etcd/sockets.ts";
import { Etcd2Keys } from "./etcd2.ts";
import { copyFolder } from "./folder.ts";
import { eventually, freePort, Program } from "./process.ts";
import type { Changes, TestStore } from "./store.ts";

/** What `--store` calls etcd's two key spaces. */
export type StoreKind = "etcd" | "etcd2";

/** How an etcd is started. */
export interface EtcdSetup {
  /** PEM files; the server asks clients for a certificate of the same CA. */
  readonly tls?: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  };
  /** More of etcd's flags. */
  readonly args?: readonly string[];
  /** Whose keys it is about; default: v3's. */
  readonly store?: StoreKind;
}

/** Where a member of a cluster is reached. */
interface Member {
  readonly name: string;
  readonly url: string;
  readonly peer: string;
}

/** A real etcd, with its own process and folder. */
export class TestEtcd implements TestStore {
  #client?: Etcd3;
  readonly #v2?: Etcd2Keys;
  #hasLogin = false;
  #program?: Program;
  /** The state of the member's process. */
  readonly #folder = Deno.makeTempDirSync({ prefix: "lainlet-etcd-" });

  private constructor(
    private readonly member: Member,
    private readonly cluster: string,
    private readonly setup: EtcdSetup,
  ) {
    if (setup.store === "etcd2") {
      this.#v2 = new Etcd2Keys(member.url, setup.tls);
    }
  }

  /** Starts one of a single member. */
  static async start(setup: EtcdSetup = {}): Promise<TestEtcd> {
    const [etcd] = await TestEtcd.startCluster(1, setup);
    if (etcd === undefined) throw new Error("no member");
    return etcd;
  }

  /** Starts the members of one cluster. */
  static async startCluster(
    size: number,
    setup: EtcdSetup = {},
  ): Promise<TestEtcd[]> {
    const members = Array.from({ length: size }, (_, i) => ({
      name: `m${i}`,
      url: `${setup.tls ? "https" : "http"}://127.0.0.1:${freePort()}`,
      peer: `http://127.0.0.1:${freePort()}`,
    }));
    const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join();
    const etcds = members.map((member) => new TestEtcd(member, cluster, setup));
    await Promise.all(etcds.map((etcd) => etcd.launch()));
    return etcds;
  }

  get endpoint(): string {
    return this.member.url;
  }

  /** A client of this member, as root and without a login. */
  get client(): Etcd3 {
    if (this.#client === undefined) throw new Error("etcd was not launched");
    return this.#client;
  }

  /** The v2 key space of this member. */
  get v2(): Etcd2Keys {
    if (this.#v2 === undefined) throw new Error("there is no v2 key space");
    return this.#v2;
  }

  /** The member's process. */
  get pid(): number {
    if (this.#program === undefined) throw new Error("etcd was not launched");
    return this.#program.pid;
  }

  /** Starts the process, and waits until it responds. @param flags additional ones, this time */
  async launch(flags: readonly string[] = []): Promise<void> {
    const { name, url, peer } = this.member;
    const { tls, args = [] } = this.setup;
    this.#program = new Program("etcd", [
      `--name=${name}`,
      `--data-dir=${this.#folder}/data`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${this.cluster}`,
      "--unsafe-no-fsync",
      ...this.#v2 ? ["--enable-v2"] : [],
      ...tls
        ? [
          "--client-cert-auth",
          `--trusted-ca-file=${tls.ca}`,
          `--cert-file=${tls.cert}`,
          `--key-file=${tls.key}`,
        ]
        : [],
      ...args,
      ...flags,
    ]);
    this.#connect();
    const { hostname, port } = new URL(url);
    await eventually("etcd listens", async () => {
      (await Deno.connect({ hostname, port: Number(port) })).close();
      return true;
    });
    await eventually("etcd answers", async () => {
      await this.client.maintenance.status();
      return true;
    });
  }

  /** A client pauses for 5 s after some failures: each start of etcd gets a new one. */
  #connect(): void {
    this.#client?.close();
    const { tls } = this.setup;
    const read = (file: string) => Buffer.from(Deno.readFileSync(file));
    this.#client = new Etcd3({
      hosts: this.endpoint,
      auth: this.#hasLogin ? { username: "root", password: "root" } : undefined,
      credentials: tls && {
        rootCertificate: read(tls.ca),
        privateKey: read(tls.key),
        certChain: read(tls.cert),
      },
    });
  }

  /**
   * Requires a login from now on; `lainlet:secret` may read some prefixes.
   *
   * @returns changes what it may read
   */
  async authenticate(prefixes: readonly string[]): Promise<{
    grant(prefix: string): Promise<void>;
    revoke(prefix: string): Promise<void>;
  }> {
    if (this.#v2) return await this.#v2.authenticate(prefixes);
    const reader = await this.client.role("reader").create();
    const right = (prefix: string) => ({
      permission: "Read" as const,
      range: Range.prefix(prefix),
    });
    for (const prefix of prefixes) await reader.grant(right(prefix));
    await (await this.client.user("lainlet").create("secret"))
      .addRole("reader");
    await (await this.client.user("root").create("root")).addRole("root");
    await this.switchAuthentication(true);
    const change = (what: "grant" | "revoke") => async (prefix: string) => {
      await this.client.role("reader")[what](right(prefix));
      // A token (JWT) from before the change of rights is refused.
      this.#connect();
    };
    return { grant: change("grant"), revoke: change("revoke") };
  }

  /** Requires the login of {@linkcode authenticate} or not, from now on. */
  async switchAuthentication(isOn: boolean): Promise<void> {
    if (this.#v2) return await this.#v2.switchAuthentication(isOn);
    await (isOn
      ? this.client.auth.authEnable()
      : this.client.auth.authDisable());
    this.#hasLogin = isOn;
    this.#connect();
  }

  /** Ends the process without warning; its data stay. */
  async kill(): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  /** Suspends the process; its connections stay. */
  pause(): void {
    this.#program?.signal("SIGSTOP");
  }

  /** Resumes a suspended process. */
  resume(): void {
    this.#program?.signal("SIGCONT");
  }

  /** Saves a snapshot to a file; of the v2 key space, to a folder. */
  async save(file: string): Promise<void> {
    if (this.#v2) {
      const data = `--data-dir=${this.#folder}/data`;
      return await etcdctl("2", "backup", data, `--backup-dir=${file}`);
    }
    await etcdctl(
      "3",
      `--endpoints=${this.endpoint}`,
      "snapshot",
      "save",
      file,
    );
  }

  /** Copies the data to a folder, with the ids of the cluster and its members; the process restarts. */
  async copy(folder: string): Promise<void> {
    await this.kill();
    await copyFolder(`${this.#folder}/data`, folder);
    await this.launch();
  }

  /** Goes back to a {@linkcode copy}; the process restarts. */
  async goBack(folder: string): Promise<void> {
    await this.kill();
    await Deno.remove(`${this.#folder}/data`, { recursive: true });
    await copyFolder(folder, `${this.#folder}/data`);
    await this.launch();
  }

  /** Replaces everything by a saved snapshot, as an operator would: the process restarts. */
  async restore(file: string): Promise<void> {
    await this.kill();
    const folder = `${this.#folder}/data`;
    await Deno.remove(folder, { recursive: true });
    if (this.#v2) {
      await copyFolder(file, folder);
      return await this.launch(["--force-new-cluster"]);
    }
    await etcdctl(
      "3",
      "snapshot",
      "restore",
      file,
      `--data-dir=${folder}`,
      `--name=${this.member.name}`,
      `--initial-cluster=${this.cluster}`,
      `--initial-advertise-peer-urls=${this.member.peer}`,
    );
    await this.launch();
  }

  async wipe(): Promise<void> {
    await this.kill();
    await Deno.remove(`${this.#folder}/data`, { recursive: true });
    await this.launch();
  }

  /** Makes this member the leader of its cluster. @param others the other members' endpoints */
  async lead(others: readonly string[]): Promise<void> {
    const { leader, header } = await this.client.maintenance.status();
    if (leader === header.member_id) return;
    // Only the leader accepts the request, and which member leads is not known.
    const all = [this.endpoint, ...others].join();
    const id = BigInt(header.member_id).toString(16);
    await etcdctl("3", `--endpoints=${all}`, "move-leader", id);
  }

  /** Makes all changes, in one transaction where there are any. @returns the last revision */
  async write(changes: Changes): Promise<number> {
    if (this.#v2) return await this.#v2.write(changes);
    const { header } = await this.client.kv.txn({
      success: Object.entries(changes).map(([key, value]) =>
        value === null ? { request_delete_range: { key: Buffer.from(key) } } : {
          request_put: { key: Buffer.from(key), value: Buffer.from(value) },
        }
      ),
    });
    return Number(header.revision);
  }

  /** Writes a whole cluster, some keys at a time. */
  async load(content: Readonly<Record<string, string>>): Promise<void> {
    if (this.#v2) return await this.#v2.load(content);
    const entries = Object.entries(content);
    for (let i = 0; i < entries.length; i += 100) {
      await this.write(Object.fromEntries(entries.slice(i, i + 100)));
    }
  }

  /** Compacts all revisions before the present one. */
  async compact(): Promise<void> {
    if (this.#v2) return await this.#v2.forget();
    const { header } = await this.client.kv.range({ key: Buffer.from("x") });
    await this.client.kv.compact({ revision: header.revision, physical: true });
  }

  /** All keys and values, as text. */
  async content(): Promise<[key: string, value: string][]> {
    if (this.#v2) return await this.#v2.content();
    const { kvs } = await this.client.getAll().exec();
    return kvs.map(({ key, value }) => [key.toString(), value.toString()]);
  }

  /** Removes everything. */
  async clear(): Promise<void> {
    if (this.#v2) return await this.#v2.clear();
    await this.client.delete().all();
  }

  /** The sum of a metric over its labels that hold a text. */
  async metric(name: string, labels = ""): Promise<number> {
    const text = await (await fetch(`${this.endpoint}/metrics`)).text();
    return text.split("\n")
      .filter((line) => line.startsWith(name) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    this.#v2?.[Symbol.dispose]();
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** @param api the version of etcd's that is meant */
async function etcdctl(api: "2" | "3", ...args: string[]): Promise<void> {
  await using program = new Program("etcdctl", args, { ETCDCTL_API: api });
  const { success } = await program.ended();
  if (!success) throw new Error(`etcdctl failed: ${program.stderr}`);
}
