/**
 * Makes a view of what an API file declares. A fault of its functions concerns
 * one value, or the view; never another view.
 *
 * @module
 */
import { Kind } from "@sinclair/typebox";
import type { TSchema } from "@sinclair/typebox";
import { isSecret, type Right, SUPER } from "../../access/rights.ts";
import {
  forbidden,
  NO_PERMISSION,
  Refusal,
  SUPER_REQUIRED,
  Unavailable,
} from "../../errors.ts";
import { canonical, type Member, parseExact } from "../../json.ts";
import { memo } from "../../memo.ts";
import type { Cluster, Host } from "../../watcher/cluster.ts";
import type { ViewedWatcher } from "../../watcher/entries.ts";
import type { Endpoint, Param, Pieces, Query, Selection } from "../endpoint.ts";
import { READ_PARAMS, STREAM_PARAMS } from "../params.ts";
import { BY_APP } from "../select.ts";
import type { Contribution, Guard } from "../materialized.ts";
import { flat, type View, view } from "../view.ts";
import { faultOf, type Faults, Malformed } from "./faults.ts";

/** A declaration, before it is checked. */
export type Unchecked = Readonly<Record<string, unknown>>;

const WATCHERS = [
  "config",
  "container",
  "depends",
  "nodes",
  "podgroup",
] as const;
type WatcherName = typeof WATCHERS[number];

const FIELDS: ReadonlySet<string> = new Set([
  "answer",
  "contributions",
  "example",
  "guard",
  "mayAsk",
  "members",
  "params",
  "paths",
  "piece",
  "reduce",
  "select",
  "summary",
  "text",
  "watcher",
]);

/** Names of parameters that all views have. */
const COMMON_PARAMS: ReadonlySet<string> = new Set([
  ...READ_PARAMS,
  ...STREAM_PARAMS,
]);

/** No part of a path is `.` or `..`: clients would resolve it. */
const PATH = /^\/v2(\/(?!\.\.?(\/|$))[\w.-]+)+$/;
const PARAM = /^[A-Za-z_][\w.-]*$/;

/** A function of a declaration. */
type Fn = (...args: readonly unknown[]) => unknown;

/**
 * Checks a declaration, and makes its view.
 *
 * @param id of the file's version: topics of two versions differ
 * @throws {Malformed} with what is wrong
 */
export function declareView(
  declaration: Unchecked,
  faults: Faults,
  id: string,
): View {
  // The file gets it, and could replace `select`.
  return Object.freeze(viewOf(declaration, faults, id));
}

function viewOf(declaration: Unchecked, faults: Faults, id: string): View {
  const endpoint = endpointOf(declaration);
  const { mayAsk, paths } = endpoint;
  const name = watcherOf(functionOf(declaration, "watcher"));
  if (mayAsk === "app" && name !== "podgroup") {
    throw new Malformed(
      'mayAsk: "app" is for the watcher podgroup, whose keys begin with the app',
    );
  }
  faults.watcher = name;
  const common = {
    ...endpoint,
    watcher: (cluster: Cluster): ViewedWatcher<object> => cluster[name],
    select: safeSelect(
      functionOf(declaration, "select"),
      { mayAsk, isConfig: name === "config" },
      faults,
    ),
    id: `${paths[0]} of ${id}`,
    file: faults.file,
  };
  const kind = kindOf(declaration);
  const evaluation = new Evaluation(declaration, faults);
  const { piece, guard } = evaluation;
  switch (kind) {
    case "members": {
      const members = functionOf(declaration, "members");
      return view({
        ...common,
        piece: piece((made) => membersOf(members(made))),
        members: flat,
        guard,
      });
    }
    case "reduce": {
      const contributions = functionOf(declaration, "contributions");
      const reduce = functionOf(declaration, "reduce");
      return view({
        ...common,
        piece: piece((made) => contributionsOf(contributions(made))),
        contributions: (made: Contribution<unknown>) => made,
        reduce: (all: readonly unknown[], name: string) =>
          faults.ofMember(name, () => jsonOf(reduce(all))),
        guard,
      });
    }
    case "text": {
      const text = functionOf(declaration, "text");
      return view({
        ...common,
        piece: piece((made) => [made]),
        text: (pieces: Pieces<readonly unknown[]>) => {
          const all = pieces.flatMap(([key, made]) =>
            made.map((one) => [key, one])
          );
          return evaluation.orUnavailable("text", () => jsonOf(text(all)));
        },
      });
    }
  }
}

/** Calls the functions that see values. */
class Evaluation {
  readonly #piece: Fn;
  readonly #faults: Faults;
  readonly guard?: Guard<object>;
  /** What each value adds to the guard's totals, or why that failed. */
  readonly #counts = new WeakMap<object, readonly number[] | Failure>();

  constructor(declaration: Unchecked, faults: Faults) {
    this.#piece = functionOf(declaration, "piece");
    this.#faults = faults;
    const { guard } = declaration;
    if (guard === undefined) return;
    const fields: Unchecked = Object(guard);
    const [counts, check] = [
      functionOf(fields, "counts"),
      functionOf(fields, "check"),
    ];
    this.guard = {
      counts: (value) => {
        const known = memo(this.#counts, value, () => {
          try {
            return countsOf(counts(deepFreeze(value)));
          } catch (error) {
            return new Failure(error);
          }
        });
        return known instanceof Failure ? [] : known;
      },
      check: (totals) =>
        this.orUnavailable("guard.check", () => check([...totals])),
    };
  }

  /** Returns a function that makes what a value contributes; nothing when the value is rejected. */
  readonly piece =
    <P>(finish: (made: unknown) => readonly P[]) =>
    (value: object, host: Host, key: string): readonly P[] =>
      this.#faults.ofValue(key, value, () => {
        this.guard?.counts(value);
        const counts = this.#counts.get(value);
        if (counts instanceof Failure) throw counts.error;
        return finish(this.#piece(deepFreeze(value), host, key));
      }) ?? [];

  /** Calls a function for a whole answer. @throws {Unavailable} when it throws that, or fails */
  orUnavailable<V>(what: string, call: () => V): V {
    try {
      return call();
    } catch (thrown) {
      const error = faultOf(thrown, this.#faults.file);
      if (error instanceof Unavailable) throw error;
      this.#faults.report(what, error);
      throw failed(this.#faults);
    }
  }
}

/** Why a function failed. */
class Failure {
  constructor(readonly error: unknown) {}
}

function failed({ file }: Faults): Unavailable {
  return new Unavailable(`the API file ${file} failed, see lainlet's log`);
}

/** Checks what is not a function. @throws {Malformed} */
function endpointOf(
  declaration: Unchecked,
): Endpoint & { readonly answer: TSchema } {
  for (const name of Object.keys(declaration)) {
    if (!FIELDS.has(name)) throw new Malformed(`unknown field ${name}`);
  }
  const { paths, summary, params, mayAsk, answer, example } = declaration;
  if (!isPaths(paths)) {
    throw new Malformed("paths must be a list of paths such as /v2/images");
  }
  if (typeof summary !== "string" || !/^.+$/.test(summary)) {
    throw new Malformed("summary must be one line of text");
  }
  if (mayAsk !== "all" && mayAsk !== "app" && mayAsk !== "super") {
    throw new Malformed('mayAsk must be "all", "app" or "super"');
  }
  if (!isSchema(answer)) {
    throw new Malformed("answer must be a schema that Type makes");
  }
  for (const [name, value] of Object.entries({ params, answer, example })) {
    checkJson(name, value);
  }
  return {
    paths: Object.freeze([...paths] as const),
    summary,
    params: paramsOf(params),
    mayAsk,
    answer,
    example,
  };
}

/** Checks that a field can be written to `/openapi.json`. @throws {Malformed} */
function checkJson(name: string, value: unknown): void {
  try {
    JSON.stringify(value);
  } catch {
    throw new Malformed(`${name} cannot be written as JSON`);
  }
}

function isPaths(paths: unknown): paths is [string, ...string[]] {
  return Array.isArray(paths) && paths.length > 0 &&
    paths.every((path) => typeof path === "string" && PATH.test(path));
}

function isSchema(answer: unknown): answer is TSchema {
  return typeof answer === "object" && answer !== null && Kind in answer;
}

function paramsOf(params: unknown): Readonly<Record<string, Param>> {
  if (typeof params !== "object" || params === null) {
    throw new Malformed("params must be an object");
  }
  const checked = Object.entries(params).map(([name, param]) => {
    if (!PARAM.test(name) || COMMON_PARAMS.has(name)) {
      throw new Malformed(`a parameter cannot be named ${name}`);
    }
    const { description, required, example }: Unchecked = Object(param);
    const isGood = typeof description === "string" &&
      ["boolean", "undefined"].includes(typeof required) &&
      ["string", "undefined"].includes(typeof example);
    if (!isGood) {
      throw new Malformed(
        `the parameter ${name} must have a description, and may have required and example`,
      );
    }
    // The same object as that of other views is one component of OpenAPI.
    if (param === BY_APP.appname) return [name, param] as const;
    return [name, { description, required, example }] as const;
  });
  return Object.fromEntries(checked);
}

function functionOf(fields: Unchecked, name: string): Fn {
  const value = fields[name];
  if (!isFunction(value)) throw new Malformed(`${name} must be a function`);
  return (...args) => {
    const result = value(...args);
    if (!(result instanceof Promise)) return result;
    // Nobody waits for it: its rejection would be logged, with its message.
    result.catch(() => {});
    throw new Malformed(`${name} must not be async`);
  };
}

function isFunction(value: unknown): value is Fn {
  return typeof value === "function";
}

function kindOf(declaration: Unchecked): "members" | "reduce" | "text" {
  const { contributions, guard, members, reduce, text } = declaration;
  const isReduce = contributions !== undefined || reduce !== undefined;
  const kinds = [members !== undefined, isReduce, text !== undefined];
  if (kinds.filter((is) => is).length !== 1) {
    throw new Malformed(
      "a view has members, or contributions and reduce, or text",
    );
  }
  if (text === undefined) return isReduce ? "reduce" : "members";
  if (guard === undefined) return "text";
  throw new Malformed("a view with text has no guard: text throws Unavailable");
}

/** The watcher that a declaration names. It gets stand-ins: values reach it only as arguments of `piece`. */
function watcherOf(watcher: Fn): WatcherName {
  const standIns = new Map(
    WATCHERS.map((name) => [name, Object.freeze({ name })]),
  );
  const named = watcher(Object.freeze(Object.fromEntries(standIns)));
  for (const [name, standIn] of standIns) if (named === standIn) return name;
  throw new Malformed(
    `watcher must return one of cluster.${WATCHERS.join(", cluster.")}`,
  );
}

/** Enforces what a declaration says about rights, whatever its `select` does. */
function safeSelect(
  select: Fn,
  { mayAsk, isConfig }: {
    readonly mayAsk: Endpoint["mayAsk"];
    readonly isConfig: boolean;
  },
  faults: Faults,
): (query: Query) => Selection {
  return (query) => {
    try {
      const { caller } = query;
      if (mayAsk === "super" && !caller.isSuper) {
        throw forbidden(SUPER_REQUIRED);
      }
      const selection = selectionOf(select(copyOf(query)), mayAsk);
      const { prefix } = selection;
      // Who gets secrets gets them for as long as it is super.
      const right = mayAsk === "super" || isConfig && caller.isSuper
        ? SUPER
        : selection.right;
      if (!caller.may(right)) {
        throw forbidden(
          right.kind === "super" ? SUPER_REQUIRED : NO_PERMISSION,
        );
      }
      return isConfig && !caller.isSuper
        ? { prefix, right, filter: isPublic }
        : { prefix, right };
    } catch (thrown) {
      const error = faultOf(thrown, faults.file);
      if (error instanceof Refusal || error instanceof Unavailable) throw error;
      faults.report("select", error);
      throw failed(faults);
    }
  };
}

/** A request for the file's `select`, which cannot change that of lainlet. */
function copyOf({ params, caller, host }: Query): Query {
  return {
    params: new URLSearchParams(params),
    caller: Object.freeze({ ...caller }),
    host,
  };
}

function isPublic(name: string): boolean {
  return !isSecret(name);
}

function selectionOf(
  selection: unknown,
  mayAsk: Endpoint["mayAsk"],
): Selection {
  const { prefix, right: named, ...others }: Unchecked = Object(selection);
  const right = rightOf(named);
  if (typeof prefix !== "string" || right === undefined) {
    throw new Malformed("select must return a prefix and a right");
  }
  if (Object.keys(others).length > 0) {
    throw new Malformed("select must return a prefix and a right, and no more");
  }
  if (mayAsk === "app" && right.kind === "anyone") {
    throw new Malformed('mayAsk is "app", but select lets everyone ask');
  }
  if (right.kind === "app" && !prefix.startsWith(`${right.app}/`)) {
    throw new Malformed("select must return a prefix of the app's keys");
  }
  return { prefix, right };
}

/** Copies a right, which the file could change later. */
function rightOf(right: unknown): Right | undefined {
  const { kind, app }: Unchecked = Object(right);
  if (kind === "anyone" || kind === "super") return { kind };
  if (kind === "app" && typeof app === "string" && app !== "") {
    return { kind, app };
  }
}

function countsOf(counts: unknown): readonly number[] {
  if (Array.isArray(counts) && counts.every(Number.isFinite)) return counts;
  throw new Malformed("guard.counts must return a list of numbers");
}

function membersOf(members: unknown): Member[] {
  return pairsOf(members, "members must be a list of [name, JSON text]")
    .map(([name, json]) => [name, jsonOf(json)]);
}

function contributionsOf(contributions: unknown): Contribution<unknown> {
  return pairsOf(
    contributions,
    "contributions must return a list of [name, contribution]",
  );
}

function pairsOf(list: unknown, message: string): [string, unknown][] {
  if (!Array.isArray(list)) throw new Malformed(message);
  return list.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new Malformed(message);
    const [name, value]: unknown[] = pair;
    if (typeof name !== "string" || !name.isWellFormed()) {
      throw new Malformed(message);
    }
    return [name, value];
  });
}

/** Numbers that a double may print in another way. Few answers have them, and exact parsing takes long. */
const INEXACT = /\d{16}|\d[.eE]/;

/** Checks JSON text, and gives it the form that all answers have: one line, sorted keys. */
function jsonOf(text: unknown): string {
  if (typeof text !== "string") throw new Malformed("not JSON text");
  try {
    return canonical(INEXACT.test(text) ? parseExact(text) : JSON.parse(text));
  } catch {
    throw new Malformed("not JSON text");
  }
}

/** Values are shared by all views: none may change them. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) {
    return value;
  }
  Object.freeze(value);
  for (const one of Object.values(value)) deepFreeze(one);
  return value;
}
