import { TlsFiles } from "../../lib/store/tls.ts";

/** PEM files of a certificate for 127.0.0.1 and of the CA that signed it. */
export interface Certificates extends AsyncDisposable {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How a certificate is made. */
export interface CertificateOptions {
  /** How long it is valid; -1: until yesterday. */
  readonly days?: number;
  /** Whose CA signs it; default: a new one. */
  readonly by?: Certificates;
}

const NEW_KEY = [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
  "-keyout",
];

/** Makes a certificate that serves for a server and for a client. */
export async function makeCertificates(
  { days = 2, by }: CertificateOptions = {},
): Promise<Certificates> {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-tls-" });
  const file = (name: string) => `${folder}/${name}`;
  const ca = by?.ca ?? file("ca.pem");
  const caKey = ca.replace(/pem$/, "key");
  if (by === undefined) {
    const subject = ["-subj", "/CN=test CA", "-days", "2"];
    await openssl("req", "-x509", ...NEW_KEY, caKey, "-out", ca, ...subject);
  }
  const request = ["-out", file("csr.pem"), "-subj", "/CN=lainlet"];
  await openssl("req", ...NEW_KEY, file("key.pem"), ...request);
  await Deno.writeTextFile(
    file("ext"),
    "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  await openssl(
    "x509",
    "-req",
    "-in",
    file("csr.pem"),
    "-CA",
    ca,
    "-CAkey",
    caKey,
    "-CAcreateserial",
    "-extfile",
    file("ext"),
    "-out",
    file("cert.pem"),
    "-days",
    String(days),
  );
  return {
    ca,
    cert: file("cert.pem"),
    key: file("key.pem"),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Writes a certificate and its key over those of another one. */
export async function renew(
  { cert, key }: Certificates,
  by: Certificates,
): Promise<void> {
  await Deno.copyFile(by.cert, cert);
  await Deno.copyFile(by.key, key);
}

/** What a store takes of them. */
export function readTls({ ca, cert, key }: Certificates): TlsFiles {
  return new TlsFiles({ ca, client: { cert, key } });
}

/** A key that etcd signs its tokens (JWT) with. */
export interface TokenKey extends AsyncDisposable {
  /** Flags of etcd. @param ttl how long a token is valid, `3s`; in whole seconds of the clock */
  args(ttl: string): string[];
}

/** Makes a {@linkcode TokenKey}. */
export async function makeTokenKey(): Promise<TokenKey> {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-jwt-" });
  const key = `${folder}/key.pem`;
  const pub = `${folder}/pub.pem`;
  await openssl("genrsa", "-out", key, "2048");
  await openssl("rsa", "-in", key, "-pubout", "-out", pub);
  return {
    args: (ttl) => [
      `--auth-token=jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=${ttl}`,
      // A login is not to take as long as a token is valid.
      "--bcrypt-cost=4",
    ],
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Runs OpenSSL. @throws {Error} with what it says */
export async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
