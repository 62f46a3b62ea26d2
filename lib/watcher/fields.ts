import {
  isDeeperThan,
  isObject,
  isRawNumber,
  type RawNumber,
} from "../json.ts";
import { intern } from "./shared.ts";

/** A value of the store that is not what the layout says. */
export class BadValue extends Error {
  override readonly name = "BadValue";
}

/**
 * How deep values may be nested. Answers nest them a little deeper, and clients
 * have limits of their own: lainlet's 500, others' JSON parsers some hundreds.
 */
const MAX_DEPTH = 200;

/** JSON text of the store as it is. @throws {BadValue} when it is nested too deep */
export function checkDepth(text: string): string {
  if (!isDeeperThan(text, MAX_DEPTH)) return text;
  throw new BadValue(`the value is nested deeper than ${MAX_DEPTH}`);
}

/**
 * Reads the fields of a JSON object that came from the store. A missing or
 * null field is the zero value of its type; every reader throws
 * {@linkcode BadValue}, naming the path, when the field has another type.
 *
 * ```ts
 * const spec = Fields.of(JSON.parse(text)).object("Spec");
 * const app = spec.string("Namespace"); // "" when there is none
 * ```
 */
export class Fields {
  private constructor(
    private readonly json: Record<string, unknown>,
    private readonly path: string,
  ) {}

  /** Wraps a parsed value, which must be an object and not null. */
  static of(value: unknown): Fields {
    if (!isObject(value)) throw wrongType("the value", "an object", value);
    return new Fields(value, "");
  }

  /** Whatever is there: for what a value is not to be rejected for. */
  raw(name: string): unknown {
    return this.json[name];
  }

  /** A string; "" when it is missing. */
  string(name: string): string {
    const value = this.json[name] ?? "";
    if (typeof value === "string") return value;
    throw wrongType(this.at(name), "a string", value);
  }

  /** A string that other values have, too; "" when it is missing. */
  internedString(name: string): string {
    return intern(this.string(name));
  }

  /** A number; 0 when it is missing. */
  number(name: string): number {
    const value = this.exact(name);
    return typeof value === "number" ? value : Number(value.rawJSON);
  }

  /** A number that is only passed on: one too long for a double stays as it was written. */
  exact(name: string): number | RawNumber {
    const value = this.json[name] ?? 0;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (isRawNumber(value)) return value;
    throw wrongType(this.at(name), "a number", value);
  }

  /** A list of strings; null (or missing) is kept apart from an empty list. */
  strings(name: string): readonly string[] | null {
    return this.list(name)?.map((item, i) => {
      const value = item ?? "";
      if (typeof value === "string") return value;
      throw wrongType(`${this.at(name)}[${i}]`, "a string", value);
    }) ?? null;
  }

  /** The same, of strings that other values have, too. */
  internedStrings(name: string): readonly string[] | null {
    return this.strings(name)?.map(intern) ?? null;
  }

  /** An object; one without fields when it is missing. */
  object(name: string): Fields {
    return Fields.nested(this.json[name], this.at(name));
  }

  /** A list of objects; null items are empty objects. */
  objects(name: string): Fields[] {
    return this.list(name)?.map((item, i) =>
      Fields.nested(item, `${this.at(name)}[${i}]`)
    ) ?? [];
  }

  /** All members, each of which must be an object or null. */
  members(): [name: string, value: Fields][] {
    return Object.entries(this.json).map(([name, value]) => [
      name,
      Fields.nested(value, this.at(name)),
    ]);
  }

  private list(name: string): readonly unknown[] | undefined {
    const value = this.json[name] ?? undefined;
    if (value === undefined || Array.isArray(value)) return value;
    throw wrongType(this.at(name), "a list", value);
  }

  private at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  /** Wraps a nested value: null and missing are an object without fields. */
  private static nested(value: unknown, path: string): Fields {
    const json = value ?? {};
    if (!isObject(json)) throw wrongType(path, "an object", json);
    return new Fields(json, path);
  }
}

function wrongType(path: string, expected: string, value: unknown): BadValue {
  const got = value === null
    ? "null"
    : Array.isArray(value)
    ? "a list"
    : isRawNumber(value)
    ? "a number"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`;
  return new BadValue(`${path} must be ${expected}, not ${got}`);
}
