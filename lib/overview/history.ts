import { Buffer } from "node:buffer";
import { isSecret } from "../access/secrets.ts";
import { array, type Member, object, parse } from "../json.ts";
import type { Cluster } from "../watcher/cluster.ts";
import type { Change } from "../watcher/watcher.ts";
import { differences } from "./difference.ts";
import { CONFIG, DEPENDS, GROUP, type Kind, NODE, together } from "./kinds.ts";

/** How many entries are kept at most, and how many bytes of them. */
const MOST = 10_000;
const MOST_BYTES = 32 * 1024 * 1024;

/** What an entry takes beside its text, in bytes. */
const OVERHEAD = 512;

/** A text that is longer is neither compared nor kept, in UTF-16 units: only how long it is. */
const LONGEST = 64 * 1024;

/** What stands in the place of a secret. */
const SECRET = JSON.stringify("(secret)");

/** How many digits numbers have, so that they sort as text. */
const DIGITS = 10;

/** A change that is remembered. */
export interface Entry {
  readonly number: number;
  /** In ms since 1970. */
  readonly time: number;
  readonly kind: Kind<object>["name"];
  /** The app whose it is, "" when it is none's. */
  readonly app: string;
  /** By its number: what it was, as JSON text. */
  readonly member: Member;
  /** What it takes, in bytes. */
  readonly size: number;
}

/** How much is kept. */
export interface HistoryOptions {
  readonly most?: number;
  readonly mostBytes?: number;
}

/**
 * The last changes of a cluster, each as it differs from what was before: in
 * memory, since the start. What was there at the first read is no change, and
 * neither is what a later one finds as it was.
 */
export class History {
  /** Live streams that are fed from here. */
  receivers = 0;
  readonly #most: number;
  readonly #mostBytes: number;
  /** The oldest first. */
  readonly #entries: Entry[] = [];
  readonly #listeners = new Set<(changes: readonly Change<Entry>[]) => void>();
  #bytes = 0;
  #count = 0;

  constructor(
    private readonly cluster: Cluster,
    { most = MOST, mostBytes = MOST_BYTES }: HistoryOptions = {},
  ) {
    this.#most = most;
    this.#mostBytes = mostBytes;
    this.#follow(CONFIG);
    this.#follow(DEPENDS);
    this.#follow(GROUP);
    this.#follow(NODE);
  }

  /** The store's, up to which all is told. */
  get revision(): number {
    return together(this.cluster).progress?.revision ?? 0;
  }

  /** Another one whenever there are other entries. */
  get version(): number {
    return this.#count;
  }

  /** What is kept, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The entries that are kept, the oldest first. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** The number of the first entry from a time on, or of the next one. @param time in ms since 1970 */
  numberAt(time: number): number {
    const found = this.#entries.find((entry) => entry.time >= time);
    return found?.number ?? this.#count + 1;
  }

  /** Calls back with entries that come and go. @returns ends that */
  subscribe(onChange: (changes: readonly Change<Entry>[]) => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  #follow<T extends object>(kind: Kind<T>): void {
    const watcher = kind.watcher(this.cluster);
    const isReal = ({ value, previous }: Change<T>) =>
      (value && kind.encode(value)) !== (previous && kind.encode(previous));
    watcher.subscribe((changes) => {
      if (!watcher.isSynced) return;
      const revision = watcher.lastEvent.ModifiedIndex;
      const time = Date.now();
      // Of a store that was restored no more are looked at than will be kept.
      const some = changes.length > this.#most
        ? changes.filter(isReal).slice(-this.#most)
        : changes;
      const made = some
        .flatMap((change) => this.#entryOf(kind, change, time, revision) ?? []);
      if (made.length > 0) this.#add(made);
    });
  }

  #entryOf<T extends object>(
    { name: kind, encode, app }: Kind<T>,
    { key, value, previous }: Change<T>,
    time: number,
    revision: number,
  ): Entry | undefined {
    const before = previous && encode(previous);
    const after = value && encode(value);
    if (before === after) return undefined;
    const isHidden = kind === "config" && isSecret(key);
    const diff = isHidden
      ? differing(before && SECRET, after && SECRET)
      : differing(before, after);
    if (diff === undefined) return undefined;
    const known = value ?? previous;
    const owner = known && app?.(key, known) || "";
    const number = ++this.#count;
    const text = object([
      ...owner === "" ? [] : [["app", JSON.stringify(owner)] as const],
      ["change", `"${changeOf(previous, value)}"`],
      ["diff", diff],
      ["kind", `"${kind}"`],
      ["name", JSON.stringify(key)],
      ["revision", `${revision}`],
      ["time", `"${new Date(time).toISOString()}"`],
    ]);
    const id = String(number).padStart(DIGITS, "0");
    const member = [id, text] as const;
    return { number, time, kind, app: owner, member, size: sizeOf(text) };
  }

  #add(made: readonly Entry[]): void {
    for (const entry of made) {
      this.#entries.push(entry);
      this.#bytes += entry.size;
    }
    let gone = 0;
    while (
      this.#entries.length - gone > this.#most || this.#bytes > this.#mostBytes
    ) this.#bytes -= this.#entries[gone++]?.size ?? 0;
    const dropped = this.#entries.splice(0, gone);
    // One that is too large for all comes and goes.
    const changes = [
      ...made.map((value) => ({ key: value.member[0], value })),
      ...dropped.map((previous) => ({ key: previous.member[0], previous })),
    ];
    for (const listener of this.#listeners) listener(changes);
  }
}

function changeOf(before: unknown, after: unknown): string {
  if (before === undefined) return "added";
  return after === undefined ? "removed" : "changed";
}

/** What differs between two JSON texts, as one; undefined: no more than how it is written. */
function differing(
  before: string | undefined,
  after: string | undefined,
): string | undefined {
  const whole: Member[] = [["path", "[]"]];
  if (before !== undefined) whole.push(["before", told(before)]);
  if (after !== undefined) whole.push(["after", told(after)]);
  if (
    before === undefined || after === undefined || before === after ||
    Math.max(before.length, after.length) > LONGEST
  ) return array([object(whole)]);
  try {
    const found = differences(parse(before), parse(after));
    return found.length === 0 ? undefined : JSON.stringify(found);
  } catch (error) {
    // Too much to look at, or to tell.
    if (error instanceof RangeError) return array([object(whole)]);
    throw error;
  }
}

/** A text, or how long it is. */
function told(text: string): string {
  return text.length > LONGEST ? `"(${text.length} characters)"` : text;
}

/** What a text takes, with its bytes, which are made when somebody reads it. */
function sizeOf(text: string): number {
  const bytes = Buffer.byteLength(text);
  return OVERHEAD + bytes + text.length * (bytes === text.length ? 1 : 2);
}
