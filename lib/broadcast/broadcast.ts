import type { Source } from "../view.ts";
import { Branch } from "./branch.ts";
import { render, Topic } from "./topic.ts";
import type { State } from "./state.ts";
import type { Unavailable } from "../errors.ts";

/** A stream that carries nothing for so long gets a comment, in ms. */
const IDLE = 30_000;

/** All topics that someone listens to, and all their listeners. */
export class Broadcast {
  readonly #topics = new Map<string, Topic>();
  readonly #branches = new Set<Branch>();
  readonly #sweep: ReturnType<typeof setInterval>;

  /** @param idle how long a stream may carry nothing, in ms */
  constructor(idle = IDLE) {
    this.#sweep = setInterval(() => {
      for (const branch of this.#branches) branch.keepAlive(idle);
    }, Math.min(1_000, idle));
  }

  /** Live streams. */
  get listeners(): number {
    return this.#branches.size;
  }

  /** Sources that someone listens to. */
  get topics(): number {
    return this.#topics.size;
  }

  /**
   * A new event stream, which carries nothing until it is attached to a topic.
   *
   * @param heartbeat seconds between heartbeats; 0: none
   */
  open(heartbeat: number, onOver: () => void): Branch {
    const branch = new Branch(heartbeat, () => {
      this.#branches.delete(branch);
      onOver();
    });
    this.#branches.add(branch);
    return branch;
  }

  /** Lets a stream carry a source's states; does nothing when it has ended meanwhile. */
  attach(branch: Branch, source: Source): void {
    if (!branch.isOpen) return;
    let topic = this.#topics.get(source.id);
    if (topic === undefined) {
      topic = new Topic(source, () => this.#topics.delete(source.id));
      this.#topics.set(source.id, topic);
    }
    branch.attach(topic);
  }

  /** The present answer of a source; not encoded again when someone listens to it. */
  latest(source: Source): State | Unavailable {
    return this.#topics.get(source.id)?.latest ?? render(source);
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#sweep);
    for (const branch of [...this.#branches]) branch.end();
  }
}
