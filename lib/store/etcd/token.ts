import { getLogger } from "@logtape/logtape";
import { isRefusal } from "./range.ts";

const log = getLogger(["lainlet", "etcd"]);

/** A token as etcd issued it; without a value while etcd's authentication is off. */
export interface Issued {
  readonly value?: string;
}

/**
 * The last token of a login, which all connections to a cluster share: a login
 * costs etcd much more than what else a connection begins with.
 */
export class SharedToken {
  #issued?: Issued;
  #isOn?: boolean;

  get issued(): Issued | undefined {
    return this.#issued;
  }

  /** Takes a new one. Logs when etcd has no use for the login, and when it has again. */
  take(issued: Issued): void {
    this.#issued = issued;
    const wasOn = this.#isOn;
    this.#isOn = issued.value !== undefined;
    if (wasOn !== false && !this.#isOn) {
      log.warn("etcd's authentication is off, --etcd.user is not used");
    } else if (wasOn === false && this.#isOn) {
      log.info("etcd's authentication is on, --etcd.user is used");
    }
  }

  /** Forgets one that etcd refused, unless there is another one. */
  drop(issued: Issued): void {
    if (this.#issued === issued) this.#issued = undefined;
  }
}

/** Of a connection without a login. */
const NONE: Issued = {};

/** How often a call is made with one token after the other. */
const ATTEMPTS = 3;

/** What etcd says of a token that it does not accept, or that is missing. */
const REFUSALS = [
  "invalid auth token",
  // A JWT is of one revision of all rights.
  "revision of auth store is old",
  "user name is empty",
];

/**
 * The token for the calls of one connection. It is obtained before the first
 * call, if there is none, and again when etcd refuses it: after it has expired,
 * after a restart of etcd, or when authentication was switched on. While that
 * is off, calls are made without a token.
 *
 * @see https://etcd.io/docs/v3.4/learning/design-auth-v3/
 */
export class Token {
  #renewal?: Promise<Issued>;

  /**
   * @param authenticate gives the login to etcd, and returns its token;
   * undefined: there is no login
   */
  constructor(
    private readonly authenticate?: () => Promise<string>,
    private readonly shared = new SharedToken(),
  ) {}

  /** The present token. @throws {Error} when etcd refuses the login, or does not answer */
  async issued(): Promise<Issued> {
    if (this.authenticate === undefined) return NONE;
    return this.shared.issued ?? await this.#renew(this.authenticate);
  }

  /**
   * Makes a call; once more, with another token, when etcd refuses the token.
   *
   * @throws what the call throws, or when etcd refuses the login
   */
  async use<T>(call: (token: string | undefined) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const issued = await this.issued();
      try {
        return await call(issued.value);
      } catch (error) {
        const isRefused = this.refused(issued, error);
        if (!isRefused || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Notes why a call with a token failed.
   *
   * @returns whether that is because of the token: then another one is issued next
   */
  refused(issued: Issued, error: unknown): boolean {
    if (this.authenticate === undefined || !(error instanceof Error)) {
      return false;
    }
    const isRefused = REFUSALS.some((text) => error.message.includes(text)) ||
      // Of who has a certificate but no token, etcd takes the name from there.
      issued.value === undefined && isRefusal(error);
    // Another call may have noted the same before.
    if (isRefused) this.shared.drop(issued);
    return isRefused;
  }

  /** One at a time, whoever asks; of its own, as another connection may be dead. */
  #renew(authenticate: () => Promise<string>): Promise<Issued> {
    return this.#renewal ??= this.#issue(authenticate).finally(() =>
      this.#renewal = undefined
    );
  }

  async #issue(authenticate: () => Promise<string>): Promise<Issued> {
    let value: string | undefined;
    try {
      value = await authenticate();
    } catch (error) {
      if (!isSwitchedOff(error)) throw error;
    }
    const issued = { value };
    this.shared.take(issued);
    return issued;
  }
}

/** Whether etcd has no use for a login. */
function isSwitchedOff(error: unknown): boolean {
  return error instanceof Error &&
    error.message.includes("authentication is not enabled");
}
