const REAL = {
  open: Deno.open,
  lstat: Deno.lstat,
  remove: Deno.remove,
  rename: Deno.rename,
};

/** The path of the simulated disks: each has a folder. */
export const DISKS = "/simulated";

/** The maximal number of bytes that a write to a full disk still writes. */
const FREE_BYTES = 100;

let inodes = 0;

/** The bytes of a file, and those of them that survive a crash. */
class Inode {
  readonly number = ++inodes;
  bytes = new Uint8Array();
  /** The synced bytes. */
  synced = new Uint8Array();
  /** When it was renamed to its name, in ms; 0: it was not. */
  renamedAt = 0;

  /** Loses unsynced bytes: a part of them may remain, or zeros. */
  crash(): void {
    const { bytes, synced } = this;
    if (bytes === synced) return;
    const length = Math.floor(Math.random() * (bytes.length + 1));
    const left = bytes.slice(0, Math.max(length, synced.length));
    if (Math.random() < 0.5) left.fill(0, synced.length);
    left.set(synced);
    this.bytes = this.synced = left;
  }
}

/** Damage of a file: one byte differs, or its end is missing. */
export type Damage = "a byte" | "its end";

/**
 * The disk of a node, with one folder, and with the guarantees of POSIX only:
 * bytes are durable after `fsync` of the file, names after `fsync` of the
 * folder; a crash loses any part of the rest.
 */
export class Disk {
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  /** Unsynced changes of names: a crash keeps the first ones, a random number of them. */
  #pending: ((names: Map<string, Inode>) => void)[] = [];
  /** The number of the process that uses it: operations of earlier ones fail. */
  #process = 0;
  isFull = false;
  /** Whether some operations fail. */
  isFailing = false;
  /** The duration of each operation, in ms. */
  delay = 0;
  /** Files that lainlet did not write, or that were damaged: they need not be readable. */
  readonly #replaced = new Set<Inode>();

  constructor(private readonly name: string) {}

  /** The disk of a path, and the rest of the path. */
  static at(path: string, disks: Iterable<Disk>): [Disk, string] | undefined {
    for (const disk of disks) {
      const folder = `${DISKS}/${disk.name}/`;
      if (path.startsWith(folder)) return [disk, path.slice(folder.length)];
      if (path === folder.slice(0, -1)) return [disk, ""];
    }
  }

  /** @returns the path of a file, for the present process */
  path(file: string): string {
    return `${DISKS}/${this.name}/${this.#process}.${file}`;
  }

  /** Ends the present process at once. */
  kill(): void {
    this.#process++;
  }

  /** Ends the process, and loses unsynced data, as when the power fails. */
  crash(): void {
    this.kill();
    const names = new Map(this.#syncedNames);
    const kept = Math.floor(Math.random() * (this.#pending.length + 1));
    for (const change of this.#pending.slice(0, kept)) change(names);
    this.#pending = [];
    for (const inode of new Set(names.values())) inode.crash();
    this.#names = names;
    this.#syncedNames = new Map(names);
  }

  /** Ends all faults. */
  heal(): void {
    this.isFull = this.isFailing = false;
    this.delay = 0;
  }

  /** The bytes of a file; undefined: there is none. */
  read(file: string): Uint8Array<ArrayBuffer> | undefined {
    return this.#names.get(file)?.bytes.slice();
  }

  /** When a file was renamed to its name, in ms; 0: it was not. */
  renamedAt(file: string): number {
    return this.#names.get(file)?.renamedAt ?? 0;
  }

  /** Whether a file exists, and has the content that lainlet wrote. */
  isIntact(file: string): boolean {
    const inode = this.#names.get(file);
    return inode !== undefined && !this.#replaced.has(inode);
  }

  /** Creates or replaces a file, as an operator might. */
  put(file: string, bytes: Uint8Array<ArrayBuffer>): void {
    const inode = new Inode();
    inode.bytes = inode.synced = bytes;
    this.#replaced.add(inode);
    this.#names.set(file, inode);
    this.#syncedNames.set(file, inode);
  }

  /** Damages a file, if it exists. */
  damage(file: string, how: Damage): void {
    const bytes = this.read(file);
    if (bytes === undefined || bytes.length === 0) return;
    const at = Math.floor(Math.random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ 1 + Math.floor(Math.random() * 255);
    this.put(file, how === "a byte" ? bytes : bytes.slice(0, at));
  }

  /** Performs an operation of a process. @throws {Error} as the system does */
  async #operate<T>(process: number, act: () => T): Promise<T> {
    if (this.delay > 0) await sleep(this.delay);
    if (process !== this.#process) throw new Error("the process has ended");
    if (this.isFailing && Math.random() < 0.3) {
      throw new Error("Input/output error (os error 5)");
    }
    return act();
  }

  #change(change: (names: Map<string, Inode>) => void): void {
    change(this.#names);
    this.#pending.push(change);
  }

  #syncNames(): void {
    this.#syncedNames = new Map(this.#names);
    this.#pending = [];
  }

  #find(file: string): Inode {
    const inode = this.#names.get(file);
    if (inode !== undefined) return inode;
    throw new Deno.errors.NotFound("No such file or directory (os error 2)");
  }

  lstat(path: string): Promise<FileInfo> {
    const [process, file] = processOf(path);
    return this.#operate(process, () => infoOf(this.#find(file)));
  }

  remove(path: string): Promise<void> {
    const [process, file] = processOf(path);
    return this.#operate(process, () => {
      this.#find(file);
      this.#change((names) => names.delete(file));
    });
  }

  rename(from: string, to: string): Promise<void> {
    const [process, old] = processOf(from);
    const [, file] = processOf(to);
    return this.#operate(process, () => {
      const inode = this.#find(old);
      inode.renamedAt = performance.now();
      this.#change((names) => {
        names.delete(old);
        names.set(file, inode);
      });
    });
  }

  /** @param path "" is the folder */
  open(path: string, { createNew = false }: Deno.OpenOptions): Promise<File> {
    if (path === "") {
      const process = this.#process;
      const run = <T>(act: () => T) => this.#operate(process, act);
      return run(() => new File(run, this, undefined, () => this.#syncNames()));
    }
    const [process, file] = processOf(path);
    const run = <T>(act: () => T) => this.#operate(process, act);
    return run(() => {
      if (!createNew) return new File(run, this, this.#find(file));
      if (this.#names.has(file)) {
        throw new Deno.errors.AlreadyExists("File exists (os error 17)");
      }
      const inode = new Inode();
      this.#change((names) => names.set(file, inode));
      return new File(run, this, inode);
    });
  }
}

/** Splits `3.state` into the process, which may have ended, and the file. */
function processOf(path: string): [process: number, file: string] {
  const [, process = "", file = ""] = /^(\d+)\.(.*)$/.exec(path) ?? [];
  return [Number(process), file];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface FileInfo {
  readonly isFile: boolean;
  readonly isSymlink: boolean;
  readonly dev: number;
  readonly ino: number;
  readonly uid: number | null;
  readonly mode: number;
  readonly size: number;
}

function infoOf({ number, bytes }: Inode): FileInfo {
  return {
    isFile: true,
    isSymlink: false,
    dev: 1,
    ino: number,
    uid: Deno.uid(),
    mode: 0o100600,
    size: bytes.length,
  };
}

/** An open file, with the methods that lainlet uses. */
class File
  implements
    Pick<Deno.FsFile, "read" | "write" | "sync" | "syncData" | "close">,
    Disposable {
  #at = 0;

  /** @param run performs an operation of the process that opened the file */
  constructor(
    private readonly run: <T>(act: () => T) => Promise<T>,
    private readonly disk: Disk,
    private readonly inode = new Inode(),
    private readonly onSync = () => {},
  ) {}

  stat(): Promise<FileInfo> {
    return this.run(() => infoOf(this.inode));
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.run(() => {
      const most = 1 + Math.floor(Math.random() * 2 * into.length);
      const part = this.inode.bytes
        .subarray(this.#at, this.#at + Math.min(most, into.length));
      into.set(part);
      this.#at += part.length;
      return part.length === 0 ? null : part.length;
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.run(() => {
      if (this.disk.isFull && Math.random() < 0.5) {
        throw new Error("No space left on device (os error 28)");
      }
      const most = this.disk.isFull ? FREE_BYTES : 2 * bytes.length;
      const part = bytes.subarray(0, 1 + Math.floor(Math.random() * most));
      const { inode } = this;
      const all = new Uint8Array(inode.bytes.length + part.length);
      all.set(inode.bytes);
      all.set(part, inode.bytes.length);
      inode.bytes = all;
      return part.length;
    });
  }

  sync(): Promise<void> {
    return this.run(() => {
      this.inode.synced = this.inode.bytes;
      this.onSync();
    });
  }

  syncData(): Promise<void> {
    return this.sync();
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

/** Replaces the system's files under {@linkcode DISKS} by disks. @returns restores them */
export function mount(disks: readonly Disk[]): () => void {
  const on = <T>(
    path: string | URL,
    act: (disk: Disk, path: string) => Promise<T>,
  ): Promise<T> | undefined => {
    const found = Disk.at(String(path), disks);
    return found && act(...found);
  };
  Object.assign(Deno, {
    open: (path: string | URL, options: Deno.OpenOptions = { read: true }) =>
      on(path, (disk, file) => disk.open(file, options)) ??
        REAL.open(path, options),
    lstat: (path: string | URL) =>
      on(path, (disk, file) => disk.lstat(file)) ?? REAL.lstat(path),
    remove: (path: string | URL) =>
      on(path, (disk, file) => disk.remove(file)) ?? REAL.remove(path),
    rename: (from: string | URL, to: string | URL) =>
      on(
        from,
        (disk, old) => disk.rename(old, Disk.at(String(to), disks)?.[1] ?? ""),
      ) ??
        REAL.rename(from, to),
  });
  return () => void Object.assign(Deno, REAL);
}
