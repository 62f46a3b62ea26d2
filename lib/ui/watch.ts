/// <reference lib="dom" />
import { useEffect, useState } from "preact/hooks";
import {
  Client,
  type Data,
  lineOf,
  type Params,
  type ViewName,
} from "../client/client.ts";

/** How often a view is drawn at most, in ms. */
const PACE = 250;

/** What a view of lainlet says, as far as it is known. */
export interface Seen<T> {
  readonly data?: T;
  /** Why there is no more to come. */
  readonly problem?: string;
}

/** Follows a view of lainlet for as long as it is looked at. */
export function useView<N extends ViewName>(
  name: N,
  params: Params<N>,
): Seen<Data<N>> {
  const [seen, setSeen] = useState<Seen<Data<N>>>({});
  useEffect(() => {
    const client = new Client(location.origin);
    let watching: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let newest: Seen<Data<N>> = {};
    const become = (next: Seen<Data<N>>) => {
      newest = next;
      // States may come faster than anybody can look.
      timer ??= setTimeout(() => {
        timer = undefined;
        setSeen(newest);
      }, newest.data === undefined ? 0 : PACE);
    };
    const watch = async (signal: AbortSignal) => {
      try {
        for await (const { data } of client.watch(name, params, { signal })) {
          become({ data });
        }
      } catch (error) {
        become({ ...newest, problem: lineOf(error) });
      }
    };
    const look = () => {
      watching?.abort();
      if (document.hidden) return;
      watching = new AbortController();
      watch(watching.signal);
    };
    document.addEventListener("visibilitychange", look);
    look();
    return () => {
      document.removeEventListener("visibilitychange", look);
      watching?.abort();
      clearTimeout(timer);
    };
  }, [name, JSON.stringify(params)]);
  return seen;
}
