/**
 * What the dashboard lives off: one watch of the overview.
 *
 * @module
 */
import {
  Client,
  type Data,
  errorMessage,
  RefusedError,
  type Update,
  type WatchStatus,
} from "../client/client.ts";
import { onAbort } from "../abort.ts";
import { whileShown } from "./pace.ts";

/** How long to wait before a refused page asks again, in ms. */
const REFUSED_RETRY = 10_000;

/** For how long nothing may come, in ms: lainlet tells how it is each second. */
const SILENCE = 10_000;

/** What is known, and whether it is current. */
export interface Live {
  readonly overview?: Data<"overview">;
  /** Why nothing comes; undefined while something does. */
  readonly problem?: string;
  /** The page was hidden, and asks again. */
  readonly isResuming?: boolean;
  /** Why lainlet, which answers, has no state for this page. */
  readonly waiting?: string;
  /** When something came last. */
  readonly heard?: Date;
}

/**
 * Follows the cluster while the page is seen, and tells of every state.
 *
 * @returns ends that
 */
export function follow(base: string, onLive: (live: Live) => void): () => void {
  const client = new Client(base);
  let live: Live = {};
  let silence: ReturnType<typeof setTimeout> | undefined;

  const become = (next: Partial<Live>) => {
    live = { ...live, ...next };
    onLive(live);
  };
  const lose = (problem: string) => {
    become({ problem, isResuming: false });
  };
  const take = ({ data }: Update<Data<"overview">>) => {
    const time = new Date();
    clearTimeout(silence);
    silence = setTimeout(
      () => become({ problem: `nothing came for ${SILENCE / 1000} s` }),
      SILENCE,
    );
    become({
      isResuming: false,
      overview: data,
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
          else if (problem !== (live.waiting ?? "")) {
            become({ problem: undefined, waiting: problem || undefined });
          }
        };
        for await (
          const update of client.watch("overview", {}, { signal, onStatus })
        ) take(update);
      } catch (error) {
        lose(errorMessage(error));
        if (!(error instanceof RefusedError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, REFUSED_RETRY));
      }
    }
  };
  return whileShown((signal) => {
    onAbort(signal, () => {
      clearTimeout(silence);
      become({ isResuming: true, problem: undefined });
    });
    watch(signal);
  });
}
