import {
  isDeeperThan,
  isObject,
  isRawNumber,
  type RawNumber,
  toDouble,
} from "../json.ts";

/** A value of the store that does not have the expected form. */
export class InvalidValue extends Error {
  override readonly name = "InvalidValue";
}

/**
 * How deep values may be nested. Answers nest them a little deeper, and clients
 * have limits of their own: lainlet's 500, other JSON parsers some hundreds.
 */
const MAX_DEPTH = 200;

/** Returns JSON text unchanged. @throws {InvalidValue} when it is nested too deep */
export function checkDepth(text: string): string {
  if (!isDeeperThan(text, MAX_DEPTH)) return text;
  throw new InvalidValue(`the value is nested deeper than ${MAX_DEPTH}`);
}

/**
 * Reads the fields of a JSON object from the store. A missing or null field is
 * the zero value of its type. Every method but {@linkcode raw} throws
 * {@linkcode InvalidValue}, naming the path, when the field has another type.
 *
 * ```ts
 * const spec = Fields.of(JSON.parse(text)).object("Spec");
 * const app = spec.string("Namespace"); // "" when missing
 * ```
 */
export class Fields {
  private constructor(
    private readonly json: Record<string, unknown>,
    private readonly path: string,
  ) {}

  /** Wraps a parsed value. @throws {InvalidValue} when it is not an object */
  static of(value: unknown): Fields {
    if (!isObject(value)) throw wrongType("the value", "an object", value);
    return new Fields(value, "");
  }

  /** The field as it is: for fields that must not make the value invalid. */
  raw(name: string): unknown {
    return this.json[name];
  }

  /** A string; "" when missing. */
  string(name: string): string {
    const value = this.json[name] ?? "";
    if (typeof value === "string") return value;
    throw wrongType(this.at(name), "a string", value);
  }

  /** A string that many values have in common; "" when missing. */
  internedString(name: string): string {
    return intern(this.string(name));
  }

  /** A number; 0 when missing. */
  number(name: string): number {
    return toDouble(this.exact(name));
  }

  /** A number that is only passed on: one too long for a double keeps its text. */
  exact(name: string): number | RawNumber {
    const value = this.json[name] ?? 0;
    if (typeof value !== "number" && !isRawNumber(value)) {
      throw wrongType(this.at(name), "a number", value);
    }
    // Most JSON parsers refuse a number that no double can hold.
    if (Number.isFinite(toDouble(value))) return value;
    throw new InvalidValue(`${this.at(name)} is too large`);
  }

  /** A list of strings; null when missing or null, which differs from an empty list. */
  strings(name: string): readonly string[] | null {
    return this.list(name)?.map((item, i) => {
      const value = item ?? "";
      if (typeof value === "string") return value;
      throw wrongType(`${this.at(name)}[${i}]`, "a string", value);
    }) ?? null;
  }

  /** As {@linkcode strings}, for strings that many values have in common. */
  internedStrings(name: string): readonly string[] | null {
    return this.strings(name)?.map(intern) ?? null;
  }

  /** An object; one without fields when missing. */
  object(name: string): Fields {
    return Fields.nested(this.json[name], this.at(name));
  }

  /** A list of objects; null items are objects without fields. */
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

  /** Wraps a nested value; null and missing are an object without fields. */
  private static nested(value: unknown, path: string): Fields {
    const json = value ?? {};
    if (!isObject(json)) throw wrongType(path, "an object", json);
    return new Fields(json, path);
  }
}

function wrongType(
  path: string,
  expected: string,
  value: unknown,
): InvalidValue {
  const got = value === null
    ? "null"
    : Array.isArray(value)
    ? "a list"
    : isRawNumber(value)
    ? "a number"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`;
  return new InvalidValue(`${path} must be ${expected}, not ${got}`);
}

/** How many values each of the two generations of a pool holds at most. */
const GENERATION_SIZE = 4_096;

/** Values with a longer key are not interned. */
const MAX_KEY_LENGTH = 256;

/**
 * Keeps one object for all equal values that were interned lately. Values that
 * are not interned again are dropped with their generation, so the pool is
 * bounded.
 */
export class InternPool<T> {
  #recent = new Map<string, T>();
  #previous = new Map<string, T>();

  /** Returns the value already interned with this key, or else this one. */
  intern(key: string, value: T): T {
    if (key.length > MAX_KEY_LENGTH) return value;
    const known = this.#recent.get(key);
    if (known !== undefined) return known;
    const interned = this.#previous.get(key) ?? value;
    if (this.#recent.size === GENERATION_SIZE) {
      this.#previous = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, interned);
    return interned;
  }
}

const strings = new InternPool<string>();

/** Returns an equal string that other values already hold, if there is one. */
export function intern(text: string): string {
  return strings.intern(text, text);
}
