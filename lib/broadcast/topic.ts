import { getLogger } from "@logtape/logtape";
import { Unavailable } from "../errors.ts";
import type { ChangeKind, Source } from "../view.ts";
import type { Branch } from "./branch.ts";
import { State } from "./state.ts";

const log = getLogger(["lainlet", "broadcast"]);

/**
 * The trunk of an n-way tee: the states of one source, of which it keeps the
 * latest. Its branches read that when they can; a state that is superseded
 * before a branch comes to read it is never sent there. As every state is
 * whole, that loses nothing, and no branch costs more than its place.
 */
export class Topic {
  readonly #branches = new Set<Branch>();
  readonly #unsubscribe: () => void;
  #latest: State | Unavailable;
  #number = 1;
  #lastUpdate = 0;

  /** @param onUnused called when the last branch has left; the topic is over then */
  constructor(
    private readonly source: Source,
    private readonly onUnused: () => void,
  ) {
    this.#latest = this.#render();
    this.#unsubscribe = source.subscribe((kind) => this.#change(kind));
  }

  get latest(): State | Unavailable {
    return this.#latest;
  }

  /** The number of the latest state; every other state has another one. */
  get number(): number {
    return this.#number;
  }

  /** What happened since a state: `delete` when all changes were removals. */
  kindSince(number: number): ChangeKind {
    return this.#lastUpdate > number ? "update" : "delete";
  }

  join(branch: Branch): void {
    this.#branches.add(branch);
    this.source.watcher.receivers++;
  }

  leave(branch: Branch): void {
    if (!this.#branches.delete(branch)) return;
    this.source.watcher.receivers--;
    if (this.#branches.size === 0) {
      this.#unsubscribe();
      this.onUnused();
    }
  }

  #change(kind: ChangeKind): void {
    const next = this.#render();
    if (isSame(next, this.#latest)) return;
    this.#latest = next;
    this.#number++;
    if (kind === "update") this.#lastUpdate = this.#number;
    for (const branch of this.#branches) branch.wake();
  }

  #render(): State | Unavailable {
    return render(this.source);
  }
}

/** The source's answer in its present state; a view that fails is unavailable, not fatal. */
export function render(source: Source): State | Unavailable {
  try {
    return new State(source.render());
  } catch (error) {
    if (error instanceof Unavailable) return error;
    log.error("a view failed", { view: source.id, error: String(error) });
    return new Unavailable("internal error");
  }
}

function isSame(a: State | Unavailable, b: State | Unavailable): boolean {
  return a instanceof State
    ? b instanceof State && a.equals(b)
    : b instanceof Unavailable && a.message === b.message;
}
