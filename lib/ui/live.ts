/**
 * What the dashboard lives off: one watch of the overview.
 *
 * @module
 */
import {
  Client,
  type Data,
  lineOf,
  RefusedError,
  type Update,
  type WatchStatus,
} from "../client/client.ts";
import { changedMembers, diff, type Difference } from "../client/diff.ts";
import { type Model, modelOf } from "./model.ts";

/** How many changes are kept. */
const CHANGES = 500;

/** How long to wait before a refused page asks again, in ms. */
const REFUSED_RETRY = 10_000;

/** For how long nothing may come, in ms: lainlet tells how it is each second. */
const SILENCE = 10_000;

/** Something that changed in the cluster. */
export interface Change {
  readonly number: number;
  readonly time: Date;
  /** A member's name: `group/console/console.web.web`. */
  readonly key: string;
  readonly kind: "added" | "changed" | "removed";
  readonly differences: readonly Difference[];
  /** The connection was lost before: there may have been more to it. */
  readonly isAfterGap: boolean;
}

/** What is known, and whether it is current. */
export interface Live {
  readonly model?: Model;
  /** The newest first. */
  readonly changes: readonly Change[];
  /** Why nothing comes; undefined while something does. */
  readonly problem?: string;
  /** The page was hidden, and asks again. */
  readonly isResuming?: boolean;
  /** Why lainlet has nothing to say yet. */
  readonly waiting?: string;
  /** When something came last. */
  readonly heard?: Date;
}

/**
 * Follows the cluster while the page is seen, and tells of every state; a
 * hidden page takes no connection, of which browsers have six for a host.
 *
 * @returns ends that
 */
export function follow(base: string, onLive: (live: Live) => void): () => void {
  const client = new Client(base);
  let live: Live = { changes: [] };
  let count = 0;
  let last: Data<"overview"> | undefined;
  let watching: AbortController | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  /** There may be states that were not seen. */
  let isGap = false;

  const become = (next: Partial<Live>) => {
    live = { ...live, ...next };
    onLive(live);
  };
  const lose = (problem: string) => {
    isGap = true;
    become({ problem, isResuming: false });
  };
  const take = ({ data }: Update<Data<"overview">>) => {
    const time = new Date();
    const fresh = changesOf(last ?? data, data).map((one) => ({
      ...one,
      number: ++count,
      time,
      isAfterGap: isGap,
    }));
    isGap = false;
    last = data;
    clearTimeout(silence);
    silence = setTimeout(
      () => become({ problem: `nothing came for ${SILENCE / 1000} s` }),
      SILENCE,
    );
    become({
      isResuming: false,
      model: modelOf(data),
      changes: [...fresh.reverse(), ...live.changes].slice(0, CHANGES),
      problem: undefined,
      waiting: undefined,
      heard: time,
    });
  };
  const watch = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        const onStatus = ({ isOpen, problem = "" }: WatchStatus) => {
          if (!isOpen) lose(problem);
          else if (problem !== "") {
            become({ problem: undefined, waiting: problem });
          }
        };
        for await (
          const update of client.watch("overview", {}, { signal, onStatus })
        ) take(update);
      } catch (error) {
        lose(lineOf(error));
        if (!(error instanceof RefusedError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, REFUSED_RETRY));
      }
    }
  };
  const look = () => {
    watching?.abort();
    clearTimeout(silence);
    isGap = live.model !== undefined;
    become({ isResuming: true, problem: undefined });
    if (document.hidden) return;
    watching = new AbortController();
    watch(watching.signal);
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    watching?.abort();
    clearTimeout(silence);
  };
}

const CLUSTER = /^(config|depends|group|node)\//;

/** What of the cluster differs between two states; most members are the same objects. */
function changesOf(
  before: object,
  after: object,
): Pick<Change, "key" | "kind" | "differences">[] {
  return changedMembers(before, after)
    .filter(([key]) => CLUSTER.test(key))
    .map(([key, old, now]) => ({
      key,
      kind: kindOf(old, now),
      differences: diff(old, now),
    }))
    // A watch that began anew shares nothing with the one before.
    .filter(({ differences }) => differences.length > 0);
}

function kindOf(old: unknown, now: unknown): Change["kind"] {
  if (old === undefined) return "added";
  return now === undefined ? "removed" : "changed";
}
