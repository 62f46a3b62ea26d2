import { onAbort } from "../abort.ts";
import { State } from "../broadcast/state.ts";
import type { Subscriber, Topic } from "../broadcast/topic.ts";
import type { ViewStream } from "../view/listener.ts";
import type { ViewRequest, Views } from "../view/views.ts";

/** As long as a request may wait, in seconds: what is between may think it dead. */
const LONGEST = 300;

/** One preference: what is between commas that are in no string. */
const PREFERENCE = /(?:[^,"]|"[^"]*(?:"|$))+/g;
const WAIT = /^\s*wait\s*(?:=|;|$)/i;
const SECONDS = /^\s*wait\s*=\s*("?)(\d+)\1\s*(?:;|$)/i;

/**
 * How long a request would wait for another state than the one it names.
 *
 * @param prefer the header
 * @returns seconds; undefined: it does not say, or nothing that can be
 * @see https://www.rfc-editor.org/rfc/rfc7240#section-4.3
 */
export function waitOf(prefer: string | null): number | undefined {
  // Of several the first counts.
  const wait = prefer?.match(PREFERENCE)?.find((one) => WAIT.test(one));
  const [, , text] = SECONDS.exec(wait ?? "") ?? [];
  return text === undefined ? undefined : Math.min(Number(text), LONGEST);
}

/**
 * Waits until a view has a state that is not known, or until there is nothing
 * to be had any more, or until the signal aborts.
 */
export async function otherState(
  views: Views,
  demand: ViewRequest,
  isKnown: (state: State) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const poll = new Poll(isKnown);
  const stop = views.subscribe(demand, poll);
  const remove = onAbort(signal, poll.end);
  try {
    await poll.over;
  } finally {
    remove();
    poll.leave();
    stop();
  }
}

class Poll implements ViewStream, Subscriber {
  readonly #over = Promise.withResolvers<void>();
  #topic?: Topic;

  readonly over = this.#over.promise;
  readonly end = () => this.#over.resolve();

  constructor(private readonly isKnown: (state: State) => boolean) {}

  /** The state that is there is known; of who listens, it holds this poll, too. */
  attach(topic: Topic): void {
    this.#topic = topic;
    topic.subscribe(this);
  }

  wake(): void {
    const latest = this.#topic?.latest;
    if (latest instanceof State && !this.isKnown(latest)) this.end();
  }

  /** Whoever asks again is told why. */
  fail(): void {
    this.end();
  }

  leave(): void {
    this.#topic?.unsubscribe(this);
  }
}
