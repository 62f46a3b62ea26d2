import type { SimulatedLainlet } from "./lainlet.ts";
import type { Reference } from "./reference.ts";

/** The error for a violated rule. */
export class Violation extends Error {
  override readonly name = "Violation";

  /** @param kind the same for each violation of this rule */
  constructor(readonly kind: string, message: string) {
    super(`${kind}: ${message}`);
  }
}

const RIGHTS = "a caller gets a response that it may not see";
export const BEHIND = "a listener does not get the latest state";

/** The violation by a response that is of no permitted state. @param last the state of the previous response */
export function neverExisted(
  name: string,
  text: string,
  reference: Reference,
  requestIndex: number,
  last: number,
): Violation {
  const before = reference.response(requestIndex, last);
  return new Violation(
    "a state never existed in the store, or is older than the previous one",
    `${name}: ${text}, after ${before}`,
  );
}

/** How much older than the sent state rights may be, in ms: as old as a state may be. */
const RIGHTS_AGE = 60_000;

/** A client that records what it receives, and checks it. */
export interface Listener {
  readonly name: string;
  /** Whether the stream continues. */
  readonly isOpen: boolean;
  /** Whether it reads nothing at present. */
  isStalled: boolean;
  /**
   * Checks what was received since the last call.
   *
   * @param log called with a line for each event or response
   * @throws {Violation}
   */
  check(reference: Reference, log: (text: string) => void): void;
  /** Checks that it has the latest state. @throws {Violation} */
  checkLatest(reference: Reference): void;
  disconnect(): void;
}

/** The states of one view that a client received: each existed in the store, and none is older than the one before. */
export class ReceivedStates {
  /** The number of the last received state. */
  #last = 0;

  constructor(
    private readonly lainlet: SimulatedLainlet,
    private readonly requestIndex: number,
    private readonly name: string,
  ) {}

  /** Checks the next state. @param text comparable text @throws {Violation} */
  check(reference: Reference, text: string): void {
    const { lainlet, requestIndex, name } = this;
    const found = reference.find(requestIndex, text, this.#last);
    if (found < 0) {
      if (lainlet.mayMissChange) return;
      throw neverExisted(name, text, reference, requestIndex, this.#last);
    }
    // A saved state may be of any age, and so may its rights.
    const isSaved = performance.now() - lainlet.servedSavedAt < RIGHTS_AGE;
    const oldest = isSaved ? 0 : reference.stateBefore(RIGHTS_AGE);
    if (
      !reference.isAllowed(requestIndex, Math.min(found, oldest)) ||
      reference.isRevoked(requestIndex, text, this.#last, oldest) &&
        !lainlet.mayMissChange
    ) {
      throw new Violation(RIGHTS, `${name}: ${text}`);
    }
    this.#last = found;
  }

  /** Checks that the last state is the latest. @param last undefined: the last event was an error @throws {Violation} */
  checkLatest(reference: Reference, last: string | undefined): void {
    const latest = reference.response(this.requestIndex);
    if (!reference.isAllowed(this.requestIndex, reference.latest)) {
      throw new Violation(RIGHTS, `${this.name}: the stream continues`);
    }
    if (last !== latest) {
      throw new Violation(BEHIND, `${this.name}: ${last}, not ${latest}`);
    }
  }
}
