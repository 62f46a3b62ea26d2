/**
 * The environment of a container, and which of its variables are secrets.
 *
 * @module
 */
import { isObject } from "../json.ts";

/** A variable of a container's environment. */
export interface Variable {
  readonly name: string;
  readonly value: string;
  /** Its name, or its value, looks like that of a secret. */
  readonly isSecret: boolean;
}

/** Words of names that have a secret: `DB_PASSWORD`, `apiKey`. */
const SECRET_WORDS: ReadonlySet<string> = new Set([
  "auth",
  "cookie",
  "credential",
  "credentials",
  "dsn",
  "key",
  "keys",
  "pass",
  "passphrase",
  "passwd",
  "password",
  "pin",
  "private",
  "pw",
  "pwd",
  "salt",
  "secret",
  "secrets",
  "token",
  "tokens",
]);

/** What is a secret also within a longer word: `MYSQLPASSWORD`. */
const SECRET_PARTS = /passw|passphrase|secret|token|apikey|credential/i;

/** A URL with a password: `mysql://app:letmein@db/shop`. */
const URL_WITH_PASSWORD = /:\/\/[^/\s@]*:[^/\s@]+@/;

/** A private key as PEM. */
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** The working directory, as shells name it. */
const DIRECTORIES: ReadonlySet<string> = new Set(["PWD", "OLDPWD"]);

/** A variable from its line, `NAME=value`. */
export function variableOf(line: string): Variable {
  const end = line.indexOf("=");
  const name = end === -1 ? line : line.slice(0, end);
  const value = end === -1 ? "" : line.slice(end + 1);
  const isSecret = value !== "" && !DIRECTORIES.has(name) &&
    (wordsOf(name).some((word) => SECRET_WORDS.has(word)) ||
      SECRET_PARTS.test(name) || URL_WITH_PASSWORD.test(value) ||
      PRIVATE_KEY.test(value));
  return { name, value, isSecret };
}

/** `DB_PASSWORD` and `dbPassword` are `db` and `password`. */
function wordsOf(name: string): string[] {
  return name.replace(/([a-z\d])([A-Z])/g, "$1_$2").toLowerCase()
    .split(/[^a-z]+/);
}

/** Stands for a secret value, as in the history. */
const SECRET = "(secret)";

/**
 * A response of lainlet, or a part of one, with the secret variables of
 * containers replaced: those of `Env`, and differences whose path leads there.
 *
 * @param isEnvironment whether the value is one of `Env`
 */
export function withoutSecrets(value: unknown, isEnvironment = false): unknown {
  if (typeof value === "string") {
    if (!isEnvironment) return value;
    const { isSecret, name } = variableOf(value);
    return isSecret ? `${name}=${SECRET}` : value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => withoutSecrets(item, isEnvironment));
  }
  if (!isObject(value)) return value;
  const { path } = value;
  const isWithin = isEnvironment ||
    Array.isArray(path) && path.includes("Env");
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      withoutSecrets(member, isWithin || name === "Env"),
    ]),
  );
}
