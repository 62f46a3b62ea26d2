import { lineOf } from "../connection.ts";
import { Etcd2Connection } from "../etcd2/connection.ts";
import type { Login } from "../kind.ts";

/**
 * Why endpoints cannot be connected to, where the error does not tell: each is
 * looked at in another way whenever it fails.
 */
export class Diagnosis {
  readonly #found = new Map<string, string>();
  readonly #looking = new Set<string>();
  /** Counts connections. */
  #era = 0;

  /**
   * @param explain says what an error means; undefined: it does not tell
   * @param look looks at an endpoint; never throws
   * @param onFound called when that found something else than before
   */
  constructor(
    private readonly explain: (error: unknown) => string | undefined,
    private readonly look: (endpoint: string) => Promise<string | undefined>,
    private readonly onFound: (endpoint: string) => void,
  ) {}

  /** What a failure means: the error, or what was found when that does not tell. */
  of(endpoint: string, error: unknown): unknown {
    const explained = this.explain(error);
    if (explained !== undefined) return explained;
    if (!this.#looking.has(endpoint)) this.#look(endpoint);
    return this.#found.get(endpoint) ?? error;
  }

  /** Forgets all of it, as there is a connection. */
  clear(): void {
    this.#found.clear();
    this.#era++;
  }

  async #look(endpoint: string): Promise<void> {
    const era = this.#era;
    this.#looking.add(endpoint);
    const found = await this.look(endpoint);
    const before = this.#found.get(endpoint);
    if (era === this.#era && found !== before) {
      this.#found.delete(endpoint);
      if (found !== undefined) {
        this.#found.set(endpoint, found);
        this.onFound(endpoint);
      }
    }
    this.#looking.delete(endpoint);
  }
}

/** How long a server may take to refuse a TLS connection, in ms. */
export const TIMEOUT = 1000;
/** What is said of a server that speaks TLS where lainlet does not. */

export const SPEAKS_TLS =
  "etcd speaks TLS at this endpoint: name it as https:// in --etcd, and its CA in --etcd.ca";
/** What went wrong with TLS, and what that means to an operator. */
export const MEANINGS: readonly (readonly [
  said: RegExp,
  meaning: (login: Login, now: number) => string,
])[] = [
  [
    // A TLS connection would hang, too, and Deno keeps the socket of such a one.
    /did not answer within/,
    () => "the endpoint accepts connections and does not answer",
  ],
  [
    /unable to verify|self.signed certificate|unable to get|UnknownIssuer|BadSignature/i,
    ({ tls }, now) =>
      tls === undefined
        ? "etcd's certificate is not signed by a CA that this system trusts: name its CA in --etcd.ca"
        : `etcd's certificate is not signed by the CA in --etcd.ca ${tls.paths.ca}${
          which(tls.invalidityOfCa(now))
        }`,
  ],
  [
    /certificate (has )?expired|certificate: Expired/i,
    () => "etcd's certificate has expired",
  ],
  [
    /not yet valid|not valid yet|NotValidYet/i,
    () => "etcd's certificate is not valid yet",
  ],
  [
    /altnames|NotValidForName|not valid for name/i,
    () => "etcd's certificate is for other names than the endpoint's",
  ],
  [
    /alert: \w*(Certificate|UnknownCA|AccessDenied)/i,
    ({ tls }, now) =>
      tls?.paths.client === undefined
        ? "etcd asks for a client certificate: name one in --etcd.cert, and its key in --etcd.key"
        : `etcd refuses the certificate in --etcd.cert ${tls.paths.client.cert}${
          which(tls.invalidityOfClient(now))
        }`,
  ],
  [
    /before secure TLS connection|handshake eof|InvalidContentType|wrong version number/i,
    () =>
      "the TLS handshake was cut off: if etcd speaks no TLS at this endpoint, name it as http:// in --etcd, without --etcd.ca",
  ],
];
/** What went wrong with a login, and what that means to an operator. */
export const LOGIN_MEANINGS:
  readonly (readonly [said: RegExp, meaning: string])[] = [
    [/user name is empty/, "etcd asks for a login: give one in --etcd.user"],
    [/invalid user ID or password/, "etcd refuses the login in --etcd.user"],
  ];
/**
 * What an error means to an operator, as one line that names the flag and the
 * file to look at; undefined: the error does not tell.
 *
 * @param now in ms since 1970
 */

export function explain(
  error: unknown,
  login: Login,
  now = Date.now(),
): string | undefined {
  const line = lineOf(error);
  for (const [said, meaning] of MEANINGS) {
    if (said.test(line)) return `${meaning(login, now)} (${line})`;
  }
  for (const [said, meaning] of LOGIN_MEANINGS) {
    if (said.test(line)) return `${meaning} (${line})`;
  }
}
export function which(invalidity: string | undefined): string {
  return invalidity === undefined ? "" : `, which ${invalidity}`;
}
/**
 * Makes a TLS connection to an endpoint, to learn what a failed connection did
 * not tell; never throws.
 *
 * @returns one line, if that explains why the endpoint cannot be used
 */

export async function lookByTls(
  endpoint: string,
  login: Login,
): Promise<string | undefined> {
  const isSecure = endpoint.startsWith("https:");
  const fault = await faultOf(endpoint, isSecure ? login : {});
  if (!isSecure) {
    // A server is known to speak TLS by what it is refused for, or refuses.
    const isSpoken = fault === undefined ||
      /peer certificate|fatal alert/.test(String(fault));
    return isSpoken ? SPEAKS_TLS : undefined;
  }
  return explain(fault, login);
}
/** What a TLS connection fails with; undefined: it does not. */

export async function faultOf(
  endpoint: string,
  { tls }: Login,
): Promise<unknown> {
  const { protocol, hostname, port } = new URL(endpoint);
  const texts = tls?.read();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timeout: Error | undefined;
  try {
    using conn = await Deno.connectTls({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port || (protocol === "https:" ? 443 : 80)),
      caCerts: texts && [texts.ca],
      ...texts?.client,
    });
    timer = setTimeout(() => {
      timeout = new Error(`no answer within ${TIMEOUT} ms`);
      conn.close();
    }, TIMEOUT);
    await conn.handshake();
    // A server refuses a certificate after the handshake (RFC 8446, 4.4.2.4).
    if (tls !== undefined) await conn.read(new Uint8Array(1));
  } catch (error) {
    return timeout ?? error;
  } finally {
    clearTimeout(timer);
  }
}
/** What an operator is told whose state is not where it is looked for. */

export const IN_V2 =
  "the cluster's state is in etcd's v2 key space: start lainlet with --store=etcd2";
/** Whether an endpoint is an etcd 2, which has no other key space. */

export function isEtcd2(endpoint: string, login: Login): Promise<boolean> {
  return ask(
    endpoint,
    login,
    async (etcd) => (await etcd.version()).startsWith("2."),
  );
}
/** Whether the v2 key space has a key under one of some prefixes. */

export function isInV2(
  endpoint: string,
  login: Login,
  prefixes: readonly string[],
): Promise<boolean> {
  return ask(endpoint, login, async (etcd) => {
    for (const prefix of prefixes) if (await etcd.holds(prefix)) return true;
    return false;
  });
}
export async function ask(
  endpoint: string,
  login: Login,
  question: (etcd: Etcd2Connection) => Promise<boolean>,
): Promise<boolean> {
  let etcd: Etcd2Connection | undefined;
  try {
    // That fails, too, where the runtime cannot use the login's key.
    etcd = new Etcd2Connection(endpoint, login);
    return await question(etcd);
  } catch {
    // Then there is nothing to tell.
    return false;
  } finally {
    etcd?.close();
  }
}
