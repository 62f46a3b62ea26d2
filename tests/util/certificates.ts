import type { Login } from "../../lib/store/login.ts";

/** PEM files of a certificate for 127.0.0.1 and of the CA that signed it. */
export interface Certificates extends AsyncDisposable {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes a CA, and a certificate that serves for a server and for a client.
 *
 * @param days how long the certificate is valid; -1: until yesterday
 */
export async function makeCertificates(days = 2): Promise<Certificates> {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-tls-" });
  const file = (name: string) => `${folder}/${name}`;
  const key = ["-newkey", "rsa:2048", "-nodes", "-keyout"];
  await openssl(
    "req",
    "-x509",
    ...key,
    file("ca.key"),
    "-out",
    file("ca.pem"),
    "-subj",
    "/CN=test CA",
    "-days",
    "2",
  );
  await openssl(
    "req",
    ...key,
    file("key.pem"),
    "-out",
    file("csr.pem"),
    "-subj",
    "/CN=lainlet",
  );
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
    file("ca.pem"),
    "-CAkey",
    file("ca.key"),
    "-CAcreateserial",
    "-extfile",
    file("ext"),
    "-out",
    file("cert.pem"),
    "-days",
    String(days),
  );
  return {
    ca: file("ca.pem"),
    cert: file("cert.pem"),
    key: file("key.pem"),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** What a store takes of them. */
export function readTls({ ca, cert, key }: Certificates): Login["tls"] {
  const read = Deno.readTextFileSync;
  return { ca: read(ca), client: { cert: read(cert), key: read(key) } };
}

/** A key that etcd signs its tokens (JWT) with. */
export interface TokenKey extends AsyncDisposable {
  /** The value of etcd's `--auth-token`. @param ttl how long a token is valid, `1s` */
  jwt(ttl: string): string;
}

/** Makes a {@linkcode TokenKey}. */
export async function makeTokenKey(): Promise<TokenKey> {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-jwt-" });
  const key = `${folder}/key.pem`;
  const pub = `${folder}/pub.pem`;
  await openssl("genrsa", "-out", key, "2048");
  await openssl("rsa", "-in", key, "-pubout", "-out", pub);
  return {
    jwt: (ttl) =>
      `jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=${ttl}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
