/**
 * JSON text. Responses are assembled from the texts of their parts: a part that
 * did not change is not encoded again, and no name from the store (`__proto__`,
 * `10`) can change the meaning or the order of an object.
 *
 * @module
 */

/** A JSON number kept as its source text; `JSON.stringify` writes it as it is. */
export interface RawNumber {
  readonly rawJSON: string;
}

declare global {
  interface JSON {
    /** https://tc39.es/proposal-json-parse-with-source/: browsers since 2023 to 2025, Node.js since 21. */
    rawJSON?(text: string): RawNumber;
    isRawJSON?(value: unknown): value is RawNumber;
    parse(
      text: string,
      reviver: (
        key: string,
        value: unknown,
        context?: { readonly source?: string },
      ) => unknown,
    ): unknown;
  }
}

/** A member of a JSON object: its name, and its value as JSON text. */
export type Member = readonly [name: string, json: string];

/**
 * Parses JSON. A number that a double would print differently
 * (`9223372036854775807`, `1.0`) becomes a {@linkcode RawNumber}, or a double
 * where the runtime has no `JSON.rawJSON`.
 *
 * @throws {SyntaxError} when the text is not JSON
 * @throws {RangeError} when it is nested too deep
 */
export function parseExact(text: string): unknown {
  return withoutQuoting(() =>
    JSON.parse(
      text,
      (_key, value, { source } = {}) =>
        typeof value === "number" && source !== undefined &&
          String(value) !== source
          ? JSON.rawJSON?.(source) ?? value
          : value,
    )
  );
}

/**
 * Parses JSON like {@linkcode parseExact}, but faster if no integer in the
 * text is too long for a double.
 *
 * @throws {SyntaxError} when the text is not JSON
 */
export function parse(text: string): unknown {
  return /\d{16}/.test(text)
    ? parseExact(text)
    : withoutQuoting(() => JSON.parse(text));
}

/** Runs a parser whose errors quote the text, which may be a secret. */
function withoutQuoting(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof SyntaxError) throw new SyntaxError("not JSON");
    throw error;
  }
}

/** Limits of JSON text. */
export interface Bounds {
  /** Maximum nesting. */
  readonly depth: number;
  /** Maximum number of commas, arrays and objects together. */
  readonly nodes: number;
}

/**
 * Returns the limit that JSON text exceeds, if any, without parsing the text.
 * Text that is not JSON may pass.
 */
export function exceededBound(
  text: string,
  { depth, nodes }: Bounds,
): keyof Bounds | undefined {
  let [level, count] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++level > depth) return "depth";
        if (++count > nodes) return "nodes";
        break;
      case 0x5d: // ]
      case 0x7d: // }
        level--;
        break;
      case 0x2c: // ,
        if (++count > nodes) return "nodes";
    }
  }
  return undefined;
}

/** Returns the index of the closing quote of a string. @param start the index of its opening quote */
function endOfString(text: string, start: number): number {
  for (let end = start;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let first = end;
    while (text.charCodeAt(first - 1) === 0x5c) first--; // \
    const isEscaped = (end - first) % 2 === 1;
    if (!isEscaped) return end;
  }
}

/** Whether JSON text is nested deeper than `depth`. Fast for text with few brackets. */
export function isDeeperThan(text: string, depth: number): boolean {
  let brackets = 0;
  for (const bracket of ["{", "["]) {
    for (let i = -1; (i = text.indexOf(bracket, i + 1)) !== -1;) {
      if (++brackets > depth) {
        return exceededBound(text, { depth, nodes: Infinity }) === "depth";
      }
    }
  }
  return false;
}

/** Returns the members sorted by name; the last of equal names wins. */
export function sortedByName<T extends readonly [name: string, value: unknown]>(
  members: readonly T[],
): T[] {
  return members.toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .filter(([name], i, sorted) => sorted[i + 1]?.[0] !== name);
}

/** Returns the JSON object of the members, sorted by name; the last of equal names wins. */
export function object(members: readonly Member[]): string {
  const parts = sortedByName(members)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`);
  return `{${parts.join(",")}}`;
}

/** Returns the JSON array of items that are JSON texts. */
export function array(items: readonly string[]): string {
  return `[${items.join(",")}]`;
}

/**
 * Returns a parsed value as JSON text, with sorted keys in every object.
 *
 * @throws {RangeError} when it is nested too deep
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return array(value.map(canonical));
  if (isObject(value)) {
    return object(Object.entries(value).map(([k, v]) => [k, canonical(v)]));
  }
  return JSON.stringify(value);
}

/**
 * Escapes characters that JSON allows in strings but that Unicode readers take
 * for line ends (Python's `splitlines`).
 */
export function escapeLineEnds(json: string): string {
  return json.replaceAll("\u0085", "\\u0085")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** Whether a parsed value is a {@linkcode RawNumber}. */
export function isRawNumber(value: unknown): value is RawNumber {
  return JSON.isRawJSON?.(value) ?? false;
}

/** Returns a number as a double; Infinity when it is too large for one. */
export function toDouble(value: number | RawNumber): number {
  return typeof value === "number" ? value : Number(value.rawJSON);
}

/** Whether a parsed value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !isRawNumber(value);
}
