import { getLogger } from "@logtape/logtape";
import { badRequest, forbidden, Refusal, Unavailable } from "../../errors.ts";
import type { Cluster } from "../../watcher/cluster.ts";

const log = getLogger(["lainlet", "apis"]);

/** How many faults of one version of a file are logged, and how many rejected keys are kept. */
const MAX_SHOWN = 100;

/** What a function of an API file returned cannot be used. Its message holds nothing from the store. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** What an API file threw. */
export class FileError extends Error {
  override readonly name = "FileError";

  /** @param summary the same without the thrown message, which may quote a value from the store */
  constructor(message: string, readonly summary: string) {
    super(message);
  }
}

/** A fault of an API file's functions. */
export interface Fault {
  /** What failed: a function, and the key of a value or the name of a member. */
  readonly what: string;
  readonly error: FileFault;
}

type FileFault = FileError | Malformed | Refusal | Unavailable;

/** What goes wrong in the functions of one version of an API file. */
export class Faults {
  /** The watcher whose values they get. */
  watcher?: keyof Cluster;
  #rejections = 0;
  #logged = 0;
  /** Values that are rejected at present, by key; some may have been replaced since. */
  readonly #rejected = new Map<string, WeakRef<object>>();

  /**
   * @param file its name
   * @param onFault called for each fault; default: it is logged
   */
  constructor(
    readonly file: string,
    private readonly onFault: (fault: Fault) => void = (fault) =>
      this.#log(fault),
  ) {}

  /** How many values and members were rejected. */
  get rejections(): number {
    return this.#rejections;
  }

  /** The keys whose present value is rejected, at most 100. */
  rejectedIn(cluster: Cluster): string[] {
    const watcher = this.watcher && cluster[this.watcher];
    for (const [key, value] of this.#rejected) {
      if (watcher?.get(key) !== value.deref()) this.#rejected.delete(key);
    }
    return [...this.#rejected.keys()];
  }

  /** Computes what a value contributes. @returns undefined when that fails: the value is rejected */
  ofValue<V>(key: string, value: object, compute: () => V): V | undefined {
    try {
      return compute();
    } catch (error) {
      if (this.#rejected.size < MAX_SHOWN) {
        this.#rejected.set(key, new WeakRef(value));
      }
      this.#reject(`key ${key}`, error);
    }
  }

  /** Computes a member of an answer. @returns undefined when that fails: the member is left out */
  ofMember<V>(name: string, compute: () => V): V | undefined {
    try {
      return compute();
    } catch (error) {
      this.#reject(`member ${name}`, error);
    }
  }

  /** Reports that a function failed for a whole answer or request. */
  report(what: string, thrown: unknown): void {
    this.onFault({ what, error: faultOf(thrown, this.file) });
  }

  #reject(what: string, error: unknown): void {
    this.#rejections++;
    this.report(what, error);
  }

  #log({ what, error }: Fault): void {
    if (this.#logged > MAX_SHOWN) return;
    const isLast = ++this.#logged > MAX_SHOWN;
    log.error(
      isLast
        ? "an API file fails again; further faults are only counted"
        : "a function of an API file failed",
      { file: this.file, what, reason: reasonOf(error) },
    );
  }
}

/** What is logged of a fault: `lainlet apis check` prints the message. */
function reasonOf(error: FileFault): string {
  if (error instanceof FileError) return error.summary;
  return error instanceof Malformed ? error.message : error.name;
}

/**
 * Returns what an API file threw as an error that can be read: the thrown value
 * may have getters that throw, or a message of many lines.
 */
export function faultOf(thrown: unknown, file: string): FileFault {
  try {
    if (thrown instanceof FileError || thrown instanceof Malformed) {
      return thrown;
    }
    if (thrown instanceof Unavailable) {
      return new Unavailable(oneLine(thrown.message));
    }
    if (thrown instanceof Refusal) return refusalOf(thrown);
    if (!(thrown instanceof Error)) {
      return new FileError(
        oneLine(`throws ${String(thrown)}`),
        `thrown ${typeof thrown}`,
      );
    }
    const message = oneLine(thrown.message);
    const name = oneLine(thrown.name);
    const position = positionOf(thrown, file);
    const at = position === undefined ? "" : ` at ${position}`;
    // Some messages begin with the name.
    const named = /^\w*Error\b/.test(message) ? message : `${name}: ${message}`;
    return new FileError(named + at, name + at);
  } catch {
    const text = "throws a value that cannot be read";
    return new FileError(text, text);
  }
}

function refusalOf({ message, status }: Refusal): Refusal {
  const line = oneLine(message);
  return status === forbidden("").status
    ? new Refusal(status, line)
    : badRequest(line);
}

/** Limit of what is told of an error, in UTF-16 units. */
const MAX_LENGTH = 300;

/** The first line of a text, shortened. */
export function oneLine(text: unknown): string {
  // Some runtimes add the position, with the version.
  const [line = ""] = String(text).replace(/ at file:\S+$/, "")
    .split(/[\p{Cc}\u2028\u2029]/u, 1);
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}

/** Where in an API file an error was thrown: `images.js:12:30`; undefined: not known. */
function positionOf(error: Error, file: string): string | undefined {
  const place = new RegExp(`/${RegExp.escape(file)}(?:\\?v=\\d+)?:(\\d+:\\d+)`);
  const [, position] = place.exec(error.stack ?? "") ?? [];
  return position === undefined ? undefined : `${file}:${position}`;
}
