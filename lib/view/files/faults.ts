import { getLogger } from "@logtape/logtape";
import type { Cluster } from "../../watcher/cluster.ts";

const log = getLogger(["lainlet", "apis"]);

/** How many faults of one version of a file are logged, and how many rejected keys are kept. */
const MAX_SHOWN = 100;

/** What a function of an API file returned cannot be used. Its message holds nothing from the store. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** A fault of an API file's functions. */
export interface Fault {
  /** What failed: a function, and the key of a value or the name of a member. */
  readonly what: string;
  readonly error: unknown;
}

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
  report(what: string, error: unknown): void {
    this.onFault({ what, error });
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
      { file: this.file, what, reason: reasonOf(error, this.file) },
    );
  }
}

/**
 * Returns what an error is and where it was thrown. Its message is left out, as
 * it may quote a value from the store: `lainlet apis check` prints it.
 */
function reasonOf(error: unknown, file: string): string {
  if (error instanceof Malformed) return error.message;
  const name = error instanceof Error ? error.name : `thrown ${typeof error}`;
  const position = positionOf(error, file);
  return position === undefined ? name : `${name} at ${position}`;
}

/** Where in an API file an error was thrown: `images.js:12:30`; undefined: not known. */
export function positionOf(error: unknown, file: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const place = new RegExp(`/${RegExp.escape(file)}(?:\\?v=\\d+)?:(\\d+:\\d+)`);
  const [, position] = place.exec(error.stack ?? "") ?? [];
  return position === undefined ? undefined : `${file}:${position}`;
}
