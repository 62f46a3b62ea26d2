/**
 * Why an etcd cannot be used, as one line that names the flag to change.
 *
 * @module
 */
import { errorMessage } from "../connection.ts";
import { Etcd2Connection } from "../etcd2/connection.ts";
import type { Login } from "../kind.ts";

/** Time that a server gets to refuse a TLS connection, in ms. */
const TLS_TIMEOUT = 1_000;

/** Problem of a server that speaks TLS where lainlet does not. */
export const SPEAKS_TLS =
  "etcd speaks TLS at this endpoint: name it as https:// in --etcd, and its CA in --etcd.ca";

/** Problem of a cluster whose state is in the other key space. */
export const STATE_IN_V2 =
  "the cluster's state is in etcd's v2 key space: start lainlet with --store=etcd2";

/**
 * Explains the failures of endpoints. Where an error does not say enough, it
 * probes the endpoint at each failure, and reports what it found at the next
 * one.
 */
export class Diagnosis {
  /** What the last probe of each endpoint found. */
  readonly #findings = new Map<string, string>();
  /** Endpoints that are being probed. */
  readonly #probing = new Set<string>();
  /** Counts {@linkcode clear}: a probe from before it does not count. */
  #generation = 0;

  /**
   * @param explainError explains an error; undefined: the error does not say enough
   * @param probe probes an endpoint; never throws
   * @param onFound called when a probe found something else than the one before
   */
  constructor(
    private readonly explainError: (error: unknown) => string | undefined,
    private readonly probe: (endpoint: string) => Promise<string | undefined>,
    private readonly onFound: (endpoint: string) => void,
  ) {}

  /** Returns an explanation of a failure, or the error where there is none. */
  explain(endpoint: string, error: unknown): unknown {
    const explanation = this.explainError(error);
    if (explanation !== undefined) return explanation;
    if (!this.#probing.has(endpoint)) this.#probe(endpoint);
    return this.#findings.get(endpoint) ?? error;
  }

  /** Forgets all findings, as there is a connection. */
  clear(): void {
    this.#findings.clear();
    this.#generation++;
  }

  async #probe(endpoint: string): Promise<void> {
    const generation = this.#generation;
    this.#probing.add(endpoint);
    const finding = await this.probe(endpoint);
    const before = this.#findings.get(endpoint);
    if (generation === this.#generation && finding !== before) {
      this.#findings.delete(endpoint);
      if (finding !== undefined) {
        this.#findings.set(endpoint, finding);
        this.onFound(endpoint);
      }
    }
    this.#probing.delete(endpoint);
  }
}

/** TLS errors of Deno, grpc-js and servers, and what they mean to an operator. */
const TLS_MEANINGS: readonly (readonly [
  message: RegExp,
  meaning: (login: Login, now: number) => string,
])[] = [
  [
    // A TLS connection would hang, too, and Deno keeps the socket of such a one.
    /did not respond within/,
    () => "the endpoint accepts connections and does not respond",
  ],
  [
    /unable to verify|self.signed certificate|unable to get|UnknownIssuer|BadSignature/i,
    ({ tls }, now) =>
      tls === undefined
        ? "etcd's certificate is not signed by a CA that this system trusts: name its CA in --etcd.ca"
        : `etcd's certificate is not signed by the CA in --etcd.ca ${tls.paths.ca}${
          invalidity(tls.caInvalidReason(now))
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
          invalidity(tls.clientInvalidReason(now))
        }`,
  ],
  [
    /before secure TLS connection|handshake eof|InvalidContentType|wrong version number/i,
    () =>
      "the TLS handshake was cut off: if etcd speaks no TLS at this endpoint, name it as http:// in --etcd, without --etcd.ca",
  ],
];

/** etcd's errors at a login, and what they mean to an operator. */
const LOGIN_MEANINGS: readonly (readonly [message: RegExp, meaning: string])[] =
  [
    [/user name is empty/, "etcd asks for a login: give one in --etcd.user"],
    [/invalid user ID or password/, "etcd refuses the login in --etcd.user"],
  ];

/**
 * Explains an error by one line that names the flag and the file to look at.
 *
 * @param now in ms since 1970
 * @returns undefined when the error does not say enough
 */
export function explain(
  error: unknown,
  login: Login,
  now = Date.now(),
): string | undefined {
  const message = errorMessage(error);
  for (const [pattern, meaning] of TLS_MEANINGS) {
    if (pattern.test(message)) return `${meaning(login, now)} (${message})`;
  }
  for (const [pattern, meaning] of LOGIN_MEANINGS) {
    if (pattern.test(message)) return `${meaning} (${message})`;
  }
}

function invalidity(problem: string | undefined): string {
  return problem === undefined ? "" : `, which ${problem}`;
}

/**
 * Makes a TLS connection to an endpoint, as gRPC's errors say little about why
 * one failed. Never throws.
 *
 * @returns one line, if that explains why the endpoint cannot be used
 */
export async function probeTls(
  endpoint: string,
  login: Login,
): Promise<string | undefined> {
  const isSecure = endpoint.startsWith("https:");
  const error = await tlsError(endpoint, isSecure ? login : {});
  if (!isSecure) {
    // An error about certificates, or a TLS alert, comes from a server that speaks TLS.
    const speaksTls = error === undefined ||
      /peer certificate|fatal alert/.test(String(error));
    return speaksTls ? SPEAKS_TLS : undefined;
  }
  return explain(error, login);
}

/** Returns the error of a TLS connection; undefined: there is none. */
async function tlsError(endpoint: string, { tls }: Login): Promise<unknown> {
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
      timeout = new Error(`no response within ${TLS_TIMEOUT} ms`);
      conn.close();
    }, TLS_TIMEOUT);
    await conn.handshake();
    // A server refuses a certificate after the handshake (RFC 8446, 4.4.2.4).
    if (tls !== undefined) await conn.read(new Uint8Array(1));
  } catch (error) {
    return timeout ?? error;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an endpoint is an etcd 2, which has the v2 key space only. */
export function isEtcd2(endpoint: string, login: Login): Promise<boolean> {
  return probeV2(
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
  return probeV2(endpoint, login, async (etcd) => {
    for (const prefix of prefixes) if (await etcd.holds(prefix)) return true;
    return false;
  });
}

async function probeV2(
  endpoint: string,
  login: Login,
  probe: (etcd: Etcd2Connection) => Promise<boolean>,
): Promise<boolean> {
  let etcd: Etcd2Connection | undefined;
  try {
    // Throws where the runtime cannot use the client certificate's key.
    etcd = new Etcd2Connection(endpoint, login);
    return await probe(etcd);
  } catch {
    // Then it is not known to be there.
    return false;
  } finally {
    etcd?.close();
  }
}
