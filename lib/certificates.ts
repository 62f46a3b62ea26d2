/**
 * Certificates and keys in PEM files (RFC 7468).
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { readText, UsageError } from "./flags.ts";

const log = getLogger(["lainlet"]);

/** A PEM file and the flag that names it. */
export interface PemFile {
  readonly flag: string;
  readonly path: string;
}

/** PEM texts of a certificate chain and its private key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;
const KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[\s\S]+?-----END \1-----/;
const ENCRYPTED = /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m;

/**
 * Reads a certificate and its key.
 *
 * @throws {UsageError} with the file and the reason, if one cannot be used
 */
export function readKeyPair(cert: PemFile, key: PemFile): KeyPair {
  const certText = readText(cert.flag, cert.path);
  const keyText = readText(key.flag, key.path);
  const certificate = parseCertificate(cert, certText);
  const [block] = KEY.exec(keyText) ?? [];
  if (block === undefined) {
    throw unusable(
      key,
      CERTIFICATE.test(keyText)
        ? "holds a certificate and no private key"
        : "holds no private key (PEM)",
    );
  }
  if (ENCRYPTED.test(block)) {
    throw unusable(
      key,
      "is encrypted, and lainlet has no passphrase: decrypt it (openssl pkey -in FILE -out FILE)",
    );
  }
  if (!isKeyOf(key, block, certificate)) {
    throw unusable(
      key,
      `is not the key of the certificate in ${cert.path} (--${cert.flag})`,
    );
  }
  return { cert: certText, key: keyText };
}

/** Reads CA certificates. @throws {UsageError} if the file has none */
export function readCa(file: PemFile): string {
  const text = readText(file.flag, file.path);
  parseCertificate(file, text);
  return text;
}

/**
 * Returns why the first certificate of a PEM text is not valid at a time, such
 * as "expired on 2026-11-28T12:00:00.000Z"; undefined if it is valid.
 *
 * @param now in ms since 1970
 */
export function invalidReason(pem: string, now: number): string | undefined {
  const [block = ""] = CERTIFICATE.exec(pem) ?? [];
  const { validFrom, validTo } = new X509Certificate(block);
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (now > to.getTime()) return `expired on ${to.toISOString()}`;
  if (now < from.getTime()) return `is not valid before ${from.toISOString()}`;
}

/**
 * A value loaded from files that may be replaced at any time. While they cannot
 * be used, for example because only the certificate is new and not yet the key,
 * it keeps its last good value.
 */
export class Reloaded<T> {
  #last: T;
  #problem?: string;

  /** Loads the files. @throws what `load` throws */
  constructor(private readonly load: () => T) {
    this.#last = load();
  }

  /** Reloads the files. If that fails, logs each new reason once and returns the last value. */
  read(): T {
    try {
      this.#last = this.load();
      this.#problem = undefined;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) {
        log.warn("cannot use renewed certificates, keeping the old ones", {
          error: problem,
        });
      }
      this.#problem = problem;
    }
    return this.#last;
  }
}

function parseCertificate(file: PemFile, text: string): X509Certificate {
  const [block] = CERTIFICATE.exec(text) ?? [];
  if (block === undefined) {
    throw unusable(
      file,
      KEY.test(text)
        ? "holds a private key and no certificate"
        : "holds no certificate (PEM)",
    );
  }
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw unusable(file, `holds a damaged certificate (${error})`);
  }
}

function isKeyOf(
  file: PemFile,
  block: string,
  certificate: X509Certificate,
): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(block));
  } catch (error) {
    throw unusable(file, `holds a damaged private key (${error})`);
  }
}

function unusable({ flag, path }: PemFile, reason: string): UsageError {
  return new UsageError(`--${flag}: ${path} ${reason}`);
}
