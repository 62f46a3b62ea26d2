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
import { faultOf, type Faults, Malformed } from "./faults.ts";

/** How long a file may take to load, in ms. */
export const LOAD_TIMEOUT = 5_000;

/** A file that cannot be loaded. The message is one line. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

/** How many modules were imported. The URL of each is its own: the runtime keeps modules by URL as long as it runs. */
let imports = 0;

/**
 * Imports an API file, and makes its view.
 *
 * @param path of the file, absolute
 * @param timeout in ms; what runs in the file without a pause is not interrupted
 * @throws {LoadError} with the reason
 */
export async function loadView(
  path: string,
  faults: Faults,
  timeout = LOAD_TIMEOUT,
): Promise<View> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Malformed(`is not loaded after ${timeout / 1000} s`)),
    timeout,
  );
  try {
    return await Promise.race([late, importView(path, faults)]);
  } catch (thrown) {
    throw new LoadError(faultOf(thrown, faults.file).message);
  } finally {
    clearTimeout(timer);
  }
}

async function importView(path: string, faults: Faults): Promise<View> {
  const version = ++imports;
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
