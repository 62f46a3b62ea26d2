import { getLogger } from "@logtape/logtape";
import { isPermissionDenied } from "./range.ts";

const log = getLogger(["lainlet", "store"]);

/** A token as etcd issued it. Has no value while etcd's authentication is off. */
export interface IssuedToken {
  readonly value?: string;
}

/**
 * The last token of a login, shared by all connections to a cluster: a login
 * costs etcd much more CPU than all else that a connection begins with.
 */
export class SharedToken {
  #token?: IssuedToken;
  #isOn?: boolean;

  get token(): IssuedToken | undefined {
    return this.#token;
  }

  /** Sets a new token. Logs when etcd's authentication was switched off or on. */
  set(token: IssuedToken): void {
    this.#token = token;
    const wasOn = this.#isOn;
    this.#isOn = token.value !== undefined;
    if (wasOn !== false && !this.#isOn) {
      log.warn("etcd's authentication is off, --etcd.user is not used");
    } else if (wasOn === false && this.#isOn) {
      log.info("etcd's authentication is on, --etcd.user is used");
    }
  }

  /** Drops a token that etcd refused, unless there is a newer one. */
  drop(token: IssuedToken): void {
    if (this.#token === token) this.#token = undefined;
  }
}

/** The token of a connection without a login. */
const NONE: IssuedToken = {};

/** How often a call is made with one token after the other. */
const ATTEMPTS = 3;

/** etcd's errors for a token that is missing or not accepted. */
const REFUSALS = [
  "invalid auth token",
  // A JWT is valid for one revision of the auth store.
  "revision of auth store is old",
  "user name is empty",
];

/**
 * The token for the calls of one connection. Obtained before the first call,
 * if there is none, and again when etcd refuses it: after it has expired, after
 * a restart of etcd, or when authentication was switched on. While
 * authentication is off, calls are made without a token.
 *
 * @see https://etcd.io/docs/v3.4/learning/design-auth-v3/
 */
export class Token {
  #renewal?: Promise<IssuedToken>;

  /** @param authenticate logs in to etcd and returns the token; undefined: there is no login */
  constructor(
    private readonly authenticate?: () => Promise<string>,
    private readonly shared = new SharedToken(),
  ) {}

  /** Returns the current token. @throws {Error} when etcd refuses the login, or does not respond */
  async current(): Promise<IssuedToken> {
    if (this.authenticate === undefined) return NONE;
    return this.shared.token ?? await this.#renew(this.authenticate);
  }

  /**
   * Makes a call. Retries it with a new token when etcd refuses the token.
   *
   * @throws what the call throws, or when etcd refuses the login
   */
  async use<T>(call: (token: string | undefined) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const token = await this.current();
      try {
        return await call(token.value);
      } catch (error) {
        const isRefused = this.dropIfRefused(token, error);
        if (!isRefused || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Drops a token if a call failed because of it.
   *
   * @param error what the call failed with
   * @returns whether it did: the next call gets a new token
   */
  dropIfRefused(token: IssuedToken, error: unknown): boolean {
    if (this.authenticate === undefined || !(error instanceof Error)) {
      return false;
    }
    const isRefused = REFUSALS.some((text) => error.message.includes(text)) ||
      // With a client certificate and no token, etcd takes the name from the certificate.
      token.value === undefined && isPermissionDenied(error);
    // Another call may have dropped it before.
    if (isRefused) this.shared.drop(token);
    return isRefused;
  }

  /** One login at a time for this connection. Not shared with other connections: they may be dead. */
  #renew(authenticate: () => Promise<string>): Promise<IssuedToken> {
    return this.#renewal ??= this.#logIn(authenticate).finally(() =>
      this.#renewal = undefined
    );
  }

  async #logIn(authenticate: () => Promise<string>): Promise<IssuedToken> {
    let value: string | undefined;
    try {
      value = await authenticate();
    } catch (error) {
      if (!isAuthenticationOff(error)) throw error;
    }
    const token = { value };
    this.shared.set(token);
    return token;
  }
}

/** Whether a login failed because etcd's authentication is off. */
function isAuthenticationOff(error: unknown): boolean {
  return error instanceof Error &&
    error.message.includes("authentication is not enabled");
}
