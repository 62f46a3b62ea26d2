/// <reference lib="dom" />
import { useEffect, useState } from "preact/hooks";
import {
  Client,
  type Data,
  errorMessage,
  type Params,
  type ViewName,
  type WatchStatus,
} from "../client/client.ts";
import { Paced, whileShown } from "./pace.ts";
import { base } from "./route.ts";

/** What a view of lainlet says, as far as it is known. */
export interface Seen<T> {
  readonly data?: T;
  /** Why there is no state at present. */
  readonly problem?: string;
}

/** Follows a view of lainlet for as long as it is looked at. */
export function useView<N extends ViewName>(
  name: N,
  params: Params<N>,
): Seen<Data<N>> {
  const [seen, setSeen] = useState<Seen<Data<N>>>({});
  useEffect(() => {
    const client = new Client(base());
    let newest: Seen<Data<N>> = {};
    const drawn = new Paced(setSeen);
    const become = (next: Seen<Data<N>>) => {
      newest = next;
      drawn.tell(next);
    };
    const watch = async (signal: AbortSignal) => {
      try {
        const onStatus = ({ problem }: WatchStatus) =>
          become({ ...newest, problem });
        for await (
          const { data } of client.watch(name, params, { signal, onStatus })
        ) become({ data });
      } catch (error) {
        become({ ...newest, problem: errorMessage(error) });
      }
    };
    const end = whileShown(watch);
    return () => {
      end();
      drawn.end();
    };
  }, [name, JSON.stringify(params)]);
  return seen;
}
