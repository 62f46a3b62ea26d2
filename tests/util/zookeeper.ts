import { copyFolder } from "./folder.ts";
import { eventually, freePort, Program } from "./process.ts";
import type { Changes, TestStore } from "./store.ts";
import { parts, Znodes } from "./znodes.ts";

/** Debian's; it names the others that it needs. */
const JAR = "/usr/share/java/zookeeper.jar";

/** Small, starts fast, and does not wait for disks. */
const JVM = [
  "-Xmx512m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dzookeeper.forceSync=no",
  "-Dzookeeper.preAllocSize=1024",
];

/** How a ZooKeeper is started. */
export interface ZooKeeperSetup {
  /** In ms; sessions last 2 to 20 of them. */
  readonly tick?: number;
}

/** A member of a cluster, or the only one. */
interface Member {
  readonly id: number;
  readonly port: number;
  /** Where the others reach it, and where they elect. */
  readonly peer: `${number}:${number}`;
}

/** A real ZooKeeper, with its own process and folder. */
export class TestZooKeeper implements TestStore {
  readonly endpoint: string;
  readonly znodes: Znodes;
  #program?: Program;
  readonly #folder = Deno.makeTempDirSync({ prefix: "lainlet-zookeeper-" });

  private constructor(
    private readonly member: Member,
    private readonly cluster: readonly Member[],
    private readonly tick: number,
  ) {
    this.endpoint = `127.0.0.1:${member.port}`;
    this.znodes = new Znodes(this.endpoint);
  }

  /** Starts one of a single member. */
  static async start(setup: ZooKeeperSetup = {}): Promise<TestZooKeeper> {
    const [zookeeper] = await TestZooKeeper.startCluster(1, setup);
    if (zookeeper === undefined) throw new Error("no member");
    return zookeeper;
  }

  /** Starts the members of one cluster. */
  static async startCluster(
    size: number,
    { tick = 500 }: ZooKeeperSetup = {},
  ): Promise<TestZooKeeper[]> {
    const members = Array.from({ length: size }, (_, i): Member => ({
      id: i + 1,
      port: freePort(),
      peer: `${freePort()}:${freePort()}`,
    }));
    const all = members.map((one) => new TestZooKeeper(one, members, tick));
    await Promise.all(all.map((one) => one.launch()));
    return all;
  }

  /** The member's process. */
  get pid(): number {
    if (this.#program === undefined) throw new Error("it was not launched");
    return this.#program.pid;
  }

  /** Starts the process, and waits until it serves. */
  async launch(): Promise<void> {
    const { member, cluster, tick } = this;
    const data = `${this.#folder}/data`;
    await Deno.mkdir(data, { recursive: true });
    await Deno.writeTextFile(`${data}/myid`, `${member.id}`);
    const settings = [
      `dataDir=${data}`,
      `clientPort=${member.port}`,
      "clientPortAddress=127.0.0.1",
      `tickTime=${tick}`,
      "initLimit=20",
      "syncLimit=4",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=mntr",
      ...cluster.length === 1
        ? []
        : cluster.map(({ id, peer }) => `server.${id}=127.0.0.1:${peer}`),
    ];
    const file = `${this.#folder}/zoo.cfg`;
    await Deno.writeTextFile(file, settings.join("\n"));
    const main = cluster.length === 1
      ? "ZooKeeperServerMain"
      : "quorum.QuorumPeerMain";
    this.#program = new Program("java", [
      ...JVM,
      "-cp",
      JAR,
      `org.apache.zookeeper.server.${main}`,
      file,
    ]);
    await eventually("ZooKeeper serves", async () => {
      await this.znodes.sync();
      return true;
    }, 60_000);
  }

  /** Ends the process without warning; its data stay. */
  async kill(): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  pause(): void {
    this.#program?.signal("SIGSTOP");
  }

  resume(): void {
    this.#program?.signal("SIGCONT");
  }

  /** Copies the data to a folder: they may be written meanwhile. */
  save(folder: string): Promise<void> {
    return copyFolder(`${this.#folder}/data`, folder);
  }

  async restore(folder: string): Promise<void> {
    await this.kill();
    await Deno.remove(`${this.#folder}/data`, { recursive: true });
    await copyFolder(folder, `${this.#folder}/data`);
    await this.launch();
  }

  async wipe(): Promise<void> {
    await this.kill();
    await Deno.remove(`${this.#folder}/data`, { recursive: true });
    await this.launch();
  }

  write(changes: Changes): Promise<number> {
    return this.znodes.write(changes);
  }

  async load(content: Readonly<Record<string, string>>): Promise<void> {
    for (const part of parts(content)) await this.write(part);
  }

  async content(): Promise<[key: string, value: string][]> {
    await this.znodes.sync();
    return await this.znodes.content();
  }

  clear(): Promise<void> {
    return this.znodes.clear();
  }

  /** Does nothing: there is no history. */
  async compact(): Promise<void> {}

  /** A value of ZooKeeper's `mntr` statistics. @see https://zookeeper.apache.org/doc/r3.8.0/zookeeperAdmin.html#sc_zkCommands */
  async figure(name: string): Promise<number> {
    const { port } = this.member;
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode("mntr"));
    const text = await new Response(conn.readable).text();
    const [, figure] = text.split("\n").map((line) => line.split("\t"))
      .find(([key]) => key === `zk_${name}`) ?? [];
    if (figure === undefined) throw new Error(`no ${name} in: ${text}`);
    return Number(figure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.znodes[Symbol.dispose]();
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
