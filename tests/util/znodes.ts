import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  OP,
  type Reader,
  readStat,
  type Stat,
  type Writer,
} from "../../lib/store/zookeeper/protocol.ts";
import { Session } from "../../lib/store/zookeeper/session.ts";
import type { Changes } from "./store.ts";

/** Operations that only tests use: `ZooDefs.OpCode` of ZooKeeper's sources. */
const CREATE = 1;
const DELETE = 2;
const SET_DATA = 5;
const SET_ACL = 7;
const MULTI = 14;

/** All that may be done with a znode, and reading it. */
const ALL = 31;
const READ = 1;

/** The most that goes into one transaction; ZooKeeper takes 1 MB. */
const MAX_MULTI = 700_000;

/** The login of the writer. */
const ROOT = "root:root";

/** One step of a transaction. */
interface Step {
  readonly op: number;
  readonly path: string;
  readonly data?: Uint8Array;
}

const encoder = new TextEncoder();

/** The znodes of a ZooKeeper, written and read by one client. */
export class Znodes implements Disposable {
  #session?: Session;

  constructor(private readonly endpoint: string) {}

  /** Waits until this member has everything that was written. */
  async sync(): Promise<void> {
    await this.#ask(OP.sync, (writer) => writer.text("/"), () => {});
  }

  /**
   * Makes all changes, in one transaction. A key that is removed and has
   * others beneath it is emptied.
   *
   * @returns the zxid
   */
  async write(changes: Changes): Promise<number> {
    for (;;) {
      const steps = await this.#stepsOf(changes);
      const zxid = await this.#commit(steps);
      if (zxid !== undefined) return zxid;
      // Another client has written one of them.
    }
  }

  /** All keys and values, as text. */
  async content(path = "/"): Promise<[key: string, value: string][]> {
    const [data, names] = await Promise.all([
      this.#ask(OP.getData, at(path), (reader) => reader.copy()),
      this.names(path),
    ]);
    const beneath = await Promise.all(
      names.map((name) => this.content(join(path, name))),
    );
    const text = new TextDecoder().decode(data);
    return [...text === "" ? [] : [[path, text] as [string, string]]]
      .concat(...beneath);
  }

  /** The names of a znode's children, but ZooKeeper's own. */
  async names(path: string): Promise<string[]> {
    const names = await this.#ask(
      OP.getChildren2,
      at(path),
      (reader) => reader.texts(),
    ) ?? [];
    return names.filter((name) => path !== "/" || name !== "zookeeper");
  }

  /** Removes everything beneath a znode. */
  async clear(path = "/"): Promise<void> {
    const beneath = async (path: string): Promise<string[]> => {
      const names = await this.names(path);
      const paths = names.map(async (name) => {
        const child = join(path, name);
        return [...await beneath(child), child];
      });
      return (await Promise.all(paths)).flat();
    };
    const paths = await beneath(path);
    for (let i = 0; i < paths.length; i += 1_000) {
      const steps = paths.slice(i, i + 1_000)
        .map((path) => ({ op: DELETE, path }));
      await this.#commit(steps);
    }
  }

  /** Sets who may read a znode: `lainlet:secret`, all, or none. */
  async protect(
    path: string,
    reader: "lainlet" | "everybody" | "nobody",
  ): Promise<void> {
    const rights: [perms: number, scheme: string, id: string][] = [
      [ALL, "digest", digestOf(ROOT)],
    ];
    if (reader === "lainlet") {
      rights.push([READ, "digest", digestOf("lainlet:secret")]);
    } else if (reader === "everybody") rights.push([ALL, "world", "anyone"]);
    await this.#ask(SET_ACL, (writer) => {
      writer.text(path).int(rights.length);
      for (const [perms, scheme, id] of rights) {
        writer.int(perms).text(scheme).text(id);
      }
      writer.int(-1);
    }, () => {});
  }

  [Symbol.dispose](): void {
    this.#session?.close();
  }

  async #stepsOf(changes: Changes): Promise<Step[]> {
    const paths = new Set<string>();
    for (const key of Object.keys(changes)) {
      for (const path of lineage(key)) paths.add(path);
    }
    const stats = new Map<string, Stat | undefined>();
    await Promise.all([...paths].map(async (path) => {
      stats.set(
        path,
        await this.#ask(OP.exists, at(path), readStat),
      );
    }));
    const made = new Set<string>();
    const steps: Step[] = [];
    for (const [key, value] of Object.entries(changes)) {
      const stat = stats.get(key);
      if (value === null) {
        if (stat === undefined) continue;
        const isFolder = stat.children > 0 ||
          [...made].some((path) => path.startsWith(`${key}/`));
        steps.push(
          isFolder
            ? { op: SET_DATA, path: key, data: new Uint8Array() }
            : { op: DELETE, path: key },
        );
        continue;
      }
      const data = typeof value === "string" ? encoder.encode(value) : value;
      for (const path of lineage(key)) {
        if (stats.get(path) !== undefined || made.has(path)) continue;
        made.add(path);
        steps.push({
          op: CREATE,
          path,
          data: path === key ? data : new Uint8Array(),
        });
      }
      if (stat !== undefined || steps.at(-1)?.path !== key) {
        steps.push({ op: SET_DATA, path: key, data });
      }
    }
    return steps;
  }

  /** Does all steps, or none. @returns the zxid, or nothing when they could not be done */
  async #commit(steps: readonly Step[]): Promise<number | undefined> {
    if (steps.length === 0) {
      await this.sync();
      return 0;
    }
    const session = await this.#open();
    const { zxid, code, value } = await session.request(MULTI, (writer) => {
      for (const { op, path, data } of steps) {
        writer.int(op).boolean(false).int(-1).text(path);
        if (data !== undefined) writer.bytes(data);
        if (op === CREATE) writer.int(1).int(ALL).text("world").text("anyone");
        // Flags of what is made; the version of what is written: any.
        writer.int(op === CREATE ? 0 : -1);
      }
      writer.int(-1).boolean(true).int(-1);
    }, (reader) => reader.int() !== -1);
    if (code !== 0 && code !== -101 && code !== -110) {
      throw new Error(`ZooKeeper's error ${code}`);
    }
    return value === true ? zxid : undefined;
  }

  /** What is there, or nothing. @throws {Error} when it is refused, or ZooKeeper is away */
  async #ask<T>(
    op: number,
    write: (writer: Writer) => void,
    read: (reader: Reader) => T,
  ): Promise<T | undefined> {
    const session = await this.#open();
    const { code, value } = await session.request(op, write, read);
    if (code !== 0 && code !== -101) {
      throw new Error(`ZooKeeper's error ${code}`);
    }
    return value;
  }

  async #open(): Promise<Session> {
    if (this.#session?.signal.aborted === false) return this.#session;
    const session = new Session(this.endpoint, () => {});
    await session.connect();
    await session.authenticate(ROOT);
    return this.#session = session;
  }
}

/** Splits what is to be written into parts that ZooKeeper takes. */
export function* parts(
  content: Readonly<Record<string, string>>,
): Generator<Record<string, string>> {
  let part: Record<string, string> = {};
  let size = 0;
  for (const [key, value] of Object.entries(content)) {
    if (size > 0 && size + value.length > MAX_MULTI) {
      yield part;
      part = {};
      size = 0;
    }
    part[key] = value;
    size += value.length + key.length + 200;
  }
  if (size > 0) yield part;
}

/** A path, after its parents. */
function lineage(path: string): string[] {
  const names = path.split("/");
  return names.slice(1).map((_, i) => names.slice(0, i + 2).join("/"));
}

function join(path: string, name: string): string {
  return path === "/" ? `/${name}` : `${path}/${name}`;
}

const at = (path: string) => (writer: Writer) =>
  void writer.text(path).boolean(false);

/** How the digest scheme writes a name and a password in an ACL. */
function digestOf(login: string): string {
  const sum = createHash("sha1").update(login).digest();
  return `${login.split(":")[0]}:${Buffer.from(sum).toString("base64")}`;
}
