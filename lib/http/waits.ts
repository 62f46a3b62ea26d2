import { onAbort } from "../abort.ts";
import { READ_PARAMS } from "../view/params.ts";
import type { HttpRequest } from "../view/custom_endpoint.ts";

/** Parameters of a request that may wait, as they stand in a URL. */
const WAITING = new RegExp(`[?&](?:${READ_PARAMS.join("|")})=`);

/** Whether an answer may take its time, so that it counts whether who asked is still there. */
export function mayWait(
  { url, prefer }: Pick<HttpRequest, "url" | "prefer">,
): boolean {
  return prefer !== null || WAITING.test(url);
}

/** Something that a request waits for, for so long, and no longer than who asked. */
export class Wait implements Disposable {
  readonly #ending = new AbortController();
  readonly #end = () => this.#ending.abort();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #remove?: () => void;

  /** Aborts when there is no more to be waited for. */
  readonly signal = this.#ending.signal;

  /**
   * @param waits where it is noted until it is over
   * @param most in ms
   * @param gone aborts when who asked has gone
   */
  constructor(
    private readonly waits: Set<Wait>,
    most: number,
    gone?: AbortSignal,
  ) {
    waits.add(this);
    this.#timer = setTimeout(this.#end, most);
    this.#remove = gone && onAbort(gone, this.#end);
  }

  end(): void {
    this.#end();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#remove?.();
    this.waits.delete(this);
  }
}

/** All that requests wait for. */
export class Waits {
  readonly #open = new Set<Wait>();
  #isClosed = false;

  /** @see {@linkcode Wait} */
  begin(most: number, gone?: AbortSignal): Wait {
    const wait = new Wait(this.#open, most, gone);
    if (this.#isClosed) wait.end();
    return wait;
  }

  /** Ends all waits, and those to come. */
  close(): void {
    this.#isClosed = true;
    for (const wait of this.#open) wait.end();
  }
}
