import { type Given, UsageError } from "../flags.ts";
import type { TlsFiles } from "./tls.ts";

/** Who lainlet is to a store, and whom it trusts to be that. */
export interface Login {
  readonly tls?: TlsFiles;
  readonly auth?: { readonly username: string; readonly password: string };
}

/** The user and the password that a flag gives. @throws {UsageError} when it is not both */
export function readAuth(flag: string, given: Given): Login["auth"] {
  const text = given(flag);
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  if (colon < 1) throw new UsageError(`--${flag} must be user:password`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
