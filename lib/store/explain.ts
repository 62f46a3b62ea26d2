import { lineOf } from "./line.ts";
import type { Login } from "./login.ts";

/** How long a server may take to refuse a TLS connection, in ms. */
const TIMEOUT = 1_000;

/** What is said of a server that speaks TLS where lainlet does not. */
export const SPEAKS_TLS =
  "etcd speaks TLS at this endpoint: name it as https:// in --etcd, and its CA in --etcd.ca";

/** What went wrong with TLS, and what that means to an operator. */
const MEANINGS: readonly (readonly [
  said: RegExp,
  meaning: (login: Login, now: number) => string,
])[] = [
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
const LOGIN_MEANINGS: readonly (readonly [said: RegExp, meaning: string])[] = [
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

function which(invalidity: string | undefined): string {
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
async function faultOf(endpoint: string, { tls }: Login): Promise<unknown> {
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
