import { isRefusal } from "./messages.ts";

/** A token as etcd issued it; without a value while etcd's authentication is off. */
export interface Issued {
  readonly value?: string;
}

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
 * The token of one connection to etcd. It is obtained before the first call,
 * and again when etcd refuses it: after it has expired, after a restart of
 * etcd, or when authentication was switched on. While that is off, calls are
 * made without a token.
 *
 * @see https://etcd.io/docs/v3.4/learning/design-auth-v3/
 */
export class Token {
  #issued?: Issued;
  #renewal?: Promise<Issued>;

  /**
   * @param authenticate gives the login to etcd, and returns its token;
   * undefined: there is no login
   * @param onIssued called with each token
   */
  constructor(
    private readonly authenticate?: () => Promise<string>,
    private readonly onIssued?: (issued: Issued) => void,
  ) {
    if (authenticate === undefined) this.#issued = {};
  }

  /** The present token. @throws {Error} when etcd refuses the login, or does not answer */
  async issued(): Promise<Issued> {
    return this.#issued ?? await this.#renew();
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
    if (isRefused && this.#issued === issued) this.#issued = undefined;
    return isRefused;
  }

  #renew(): Promise<Issued> {
    return this.#renewal ??= this.#issue().finally(() =>
      this.#renewal = undefined
    );
  }

  async #issue(): Promise<Issued> {
    let value: string | undefined;
    try {
      value = await this.authenticate?.();
    } catch (error) {
      if (!isSwitchedOff(error)) throw error;
    }
    const issued = { value };
    this.#issued = issued;
    this.onIssued?.(issued);
    return issued;
  }
}

/** Whether etcd has no use for a login. */
function isSwitchedOff(error: unknown): boolean {
  return error instanceof Error &&
    error.message.includes("authentication is not enabled");
}
