import {
  invalidReason,
  type KeyPair,
  readCa,
  readKeyPair,
  Reloaded,
} from "../certificates.ts";

/** Paths of the PEM files of etcd's CA, and of a client certificate. */
export interface TlsPaths {
  readonly ca: string;
  readonly client?: { readonly cert: string; readonly key: string };
}

/** Contents of {@linkcode TlsPaths}. */
export interface TlsTexts {
  readonly ca: string;
  readonly client?: KeyPair;
}

/** PEM files for TLS to etcd, read again for each connection. */
export class TlsFiles {
  readonly #texts: Reloaded<TlsTexts>;

  /** Reads the files. @throws {UsageError} that names a file that cannot be used */
  constructor(readonly paths: TlsPaths) {
    const { ca, client } = paths;
    this.#texts = new Reloaded(() => ({
      ca: readCa({ flag: "etcd.ca", path: ca }),
      client: client && readKeyPair(
        { flag: "etcd.cert", path: client.cert },
        { flag: "etcd.key", path: client.key },
      ),
    }));
  }

  read(): TlsTexts {
    return this.#texts.read();
  }

  /** Returns why the CA's certificate is not valid, see {@linkcode invalidReason}. @param now in ms since 1970 */
  caInvalidReason(now: number): string | undefined {
    return invalidReason(this.read().ca, now);
  }

  /** Returns why the client certificate is not valid. @param now in ms since 1970 */
  clientInvalidReason(now: number): string | undefined {
    const { client } = this.read();
    return client && invalidReason(client.cert, now);
  }
}
