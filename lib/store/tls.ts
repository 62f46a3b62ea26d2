import {
  invalidReason,
  type KeyPair,
  readCa,
  readKeyPair,
  Reloaded,
} from "../certificates.ts";

/** PEM files of etcd's CA, and of a client certificate. */
export interface TlsPaths {
  readonly ca: string;
  readonly client?: { readonly cert: string; readonly key: string };
}

/** What {@linkcode TlsPaths} hold. */
export interface TlsTexts {
  readonly ca: string;
  readonly client?: KeyPair;
}

/** The files for TLS to etcd, read again for each connection. */
export class TlsFiles {
  readonly #texts: Reloaded<TlsTexts>;

  /** Reads them. @throws {UsageError} that names the file which cannot be used */
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

  /** Why the CA's certificate is not valid at a time, see {@linkcode invalidReason}. */
  invalidityOfCa(now: number): string | undefined {
    return invalidReason(this.read().ca, now);
  }

  /** The same of the client's certificate. */
  invalidityOfClient(now: number): string | undefined {
    const { client } = this.read();
    return client && invalidReason(client.cert, now);
  }
}
