import {
  badRequest,
  forbidden,
  NO_PERMISSION,
  SUPER_REQUIRED,
} from "../errors.ts";
import type { Param } from "./endpoint.ts";
import { SUPER } from "../access/rights.ts";
import type { Query } from "./endpoint.ts";
import type { Selection } from "./endpoint.ts";

/** The parameters of views that go by app. */
export const BY_APP = {
  appname: {
    description: "An app, or `*` for all. None: all that the caller may see.",
    example: "shop",
  },
} as const satisfies Record<string, Param>;

/** The value of a parameter; "" when it is missing, the first when it is repeated. */
export function param({ params }: Query, name: string): string {
  return params.get(name) ?? "";
}

/** A prefix that ends with a separator: `a` and `a/` select the same. */
export function terminated(prefix: string, separator: string): string {
  return prefix === "" || prefix.endsWith(separator)
    ? prefix
    : prefix + separator;
}

/** The prefix that a parameter gives; "", which is all keys, for `*` and when there is none. */
export function prefixParam(
  query: Query,
  name: string,
  separator = "",
): string {
  const text = param(query, name);
  return text === "*" ? "" : terminated(text, separator);
}

/** Selects a prefix for super callers only. */
export function superOnly(query: Query, prefix: string): Selection {
  if (!query.caller.isSuper) throw forbidden(SUPER_REQUIRED);
  return { prefix, right: SUPER };
}

/** The prefix of the keys of the app that a parameter names. */
export function appPrefix(query: Query, name = "appname"): string {
  return prefixParam(query, name, "/");
}

/** Selects by an app, `appname` as a rule. Callers who may not see all get their own app when they name none. */
export function byApp(query: Query, name = "appname"): Selection {
  const { caller } = query;
  const prefix = appPrefix(query, name);
  if (prefix !== "") {
    const app = prefix.slice(0, -1);
    if (!caller.may({ kind: "app", app })) throw forbidden(NO_PERMISSION);
    return { prefix, right: { kind: "app", app } };
  }
  if (caller.isSuper) return { prefix, right: SUPER };
  if (param(query, name) !== "") throw forbidden(NO_PERMISSION);
  if (caller.app === undefined) {
    throw forbidden("can not confirm the app by request ip");
  }
  return {
    prefix: `${caller.app}/`,
    right: { kind: "app", app: caller.app },
  };
}

/** {@linkcode byApp} for views that want an app to be named. */
export function byNamedApp(query: Query): Selection {
  if (param(query, "appname") === "") throw badRequest("appname required");
  return byApp(query);
}
