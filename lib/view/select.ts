import { SUPER } from "../access/rights.ts";
import {
  badRequest,
  forbidden,
  NO_PERMISSION,
  SUPER_REQUIRED,
} from "../errors.ts";
import type { Param, Query, Selection } from "./endpoint.ts";

/** The parameters of views that select by app. */
// Frozen, as API files get it.
export const BY_APP = Object.freeze(
  {
    appname: Object.freeze(
      {
        description:
          "An app, or `*` for all. None: all that the caller may see.",
        example: "shop",
      } as const,
    ),
  } as const satisfies Record<string, Param>,
);

/** The value of a parameter: "" when missing, the first when repeated. */
export function param({ params }: Query, name: string): string {
  return params.get(name) ?? "";
}

/** A prefix with its separator: `a/` for `a` and for `a/`. */
export function terminated(prefix: string, separator: string): string {
  return prefix === "" || prefix.endsWith(separator)
    ? prefix
    : prefix + separator;
}

/** The key prefix of a parameter; "", which selects all keys, for `*` and when missing. */
export function prefixParam(
  query: Query,
  name: string,
  separator = "",
): string {
  const text = param(query, name);
  return text === "*" ? "" : terminated(text, separator);
}

/** Selects a prefix, for super callers only. @throws {Refusal} */
export function superOnly(query: Query, prefix: string): Selection {
  if (!query.caller.isSuper) throw forbidden(SUPER_REQUIRED);
  return { prefix, right: SUPER };
}

/** The key prefix of the app that a parameter names; "" for all apps. */
export function appPrefix(query: Query, name = "appname"): string {
  return prefixParam(query, name, "/");
}

/**
 * Selects an app, by `appname` unless another parameter is given. Without it, a
 * super caller selects all apps, another caller its own.
 *
 * @throws {Refusal} when the caller may not see the app
 */
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

/** As {@linkcode byApp}, but `appname` is required. @throws {Refusal} */
export function byNamedApp(query: Query): Selection {
  if (param(query, "appname") === "") throw badRequest("appname required");
  return byApp(query);
}
