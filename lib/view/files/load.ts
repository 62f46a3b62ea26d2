import { pathToFileURL } from "node:url";
import { Type } from "@sinclair/typebox";
import { ANYONE, SUPER } from "../../access/rights.ts";
import { badRequest, forbidden, Unavailable } from "../../errors.ts";
import { array } from "../../json.ts";
import { routersGuard } from "../routers.ts";
import {
  BY_APP,
  byApp,
  byNamedApp,
  param,
  prefixParam,
  superOnly,
} from "../select.ts";
import { flat, type View } from "../view.ts";
import type { Api } from "./api.ts";
import { declareView, type Unchecked } from "./declare.ts";
import { type Faults, Malformed, positionOf } from "./faults.ts";

/** How long a file may take to load, in ms. */
export const LOAD_TIMEOUT = 5_000;

/** A file that cannot be loaded. The message is one line. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

/**
 * Imports an API file, and makes its view.
 *
 * @param path of the file, absolute
 * @param version differs each time: a module is imported once
 * @param timeout in ms; what runs in the file without a pause is not interrupted
 * @throws {LoadError} with the reason
 */
export async function loadView(
  path: string,
  version: number,
  faults: Faults,
  timeout = LOAD_TIMEOUT,
): Promise<View> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new LoadError(`is not loaded after ${timeout / 1000} s`)),
    timeout,
  );
  try {
    return await Promise.race([late, importView(path, version, faults)]);
  } catch (error) {
    throw error instanceof LoadError
      ? error
      : new LoadError(loadReason(error, faults.file));
  } finally {
    clearTimeout(timer);
  }
}

async function importView(
  path: string,
  version: number,
  faults: Faults,
): Promise<View> {
  const url = `${pathToFileURL(path).href}?v=${version}`;
  const { default: declare }: { default?: unknown } = await import(url);
  if (typeof declare !== "function") {
    throw new Malformed("the default export must be a function");
  }
  const made = new Set<unknown>();
  const view = (declaration: object): View => {
    const fields: Unchecked = { ...declaration };
    const id = `${faults.file}, version ${version}`;
    const one = declareView(fields, faults, id);
    made.add(one);
    return one;
  };
  const result: View | undefined = await declare(apiOf(view));
  if (result !== undefined && made.has(result)) return result;
  throw new Malformed("the default export must return what view returns");
}

function apiOf(view: Api["view"]): Api {
  return Object.freeze({
    Type,
    view,
    flat,
    array,
    BY_APP,
    byApp,
    byNamedApp,
    superOnly,
    param,
    prefixParam,
    ANYONE,
    SUPER,
    badRequest,
    forbidden,
    Unavailable,
    routersGuard,
  });
}

/** Why a file cannot be loaded, and where in it. */
function loadReason(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `throws ${String(error)}`;
  if (error instanceof Malformed) return error.message;
  // Some runtimes add the position, with the version.
  const [first = ""] = error.message.replace(/ at file:\S+$/, "").split("\n");
  const name = /^\w*Error\b/.test(first) ? "" : `${error.name}: `;
  const position = positionOf(error, file);
  return `${name}${first}${position === undefined ? "" : ` at ${position}`}`;
}
