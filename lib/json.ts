/**
 * JSON text. Answers are assembled from the texts of their parts, so that a
 * part that did not change is not encoded again, and so that no name from the
 * store (`__proto__`, `10`) can disturb an object on the way.
 */

/** A JSON number kept as its source text; `JSON.stringify` writes it as it is. */
export interface RawNumber {
  readonly rawJSON: string;
}

declare global {
  interface JSON {
    /** https://tc39.es/proposal-json-parse-with-source/, which browsers have since 2023 to 2025, and Node.js since 21. */
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
 * Parses JSON, keeping as {@linkcode RawNumber} each number that a double
 * would write differently (`9223372036854775807`, `1.0`). Where there is no
 * `JSON.rawJSON`, numbers are doubles.
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
 * Parses JSON like {@linkcode parseExact}, but takes the fast way when no
 * integer in the text can be too long for a double.
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

/** What JSON text may hold at most: how deep it is nested, how many commas, lists and objects there are. */
export interface Bounds {
  readonly depth: number;
  readonly nodes: number;
}

/**
 * Which of its bounds JSON text exceeds, if any, found without parsing it. Text
 * that is not JSON may be within them.
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

/** Where a string of JSON text ends. @param start the index of its first quote */
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

/** Whether JSON text is nested deeper than that. Costs little for text with few brackets. */
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

/** Members sorted by name; of equal names the last one counts. */
export function sortedByName<T extends readonly [name: string, value: unknown]>(
  members: readonly T[],
): T[] {
  return members.toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .filter(([name], i, sorted) => sorted[i + 1]?.[0] !== name);
}

/** The JSON object of the members, sorted by name; of equal names the last one counts. */
export function object(members: readonly Member[]): string {
  const parts = sortedByName(members)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`);
  return `{${parts.join(",")}}`;
}

/** The JSON array of the items, each given as JSON text. */
export function array(items: readonly string[]): string {
  return `[${items.join(",")}]`;
}

/**
 * A parsed value as JSON text with the keys of every object sorted.
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
 * Escapes what JSON leaves as it is in strings, but readers of Unicode text
 * take for the end of a line (Python's `splitlines`).
 */
export function escapeLineEnds(json: string): string {
  return json.replaceAll("\u0085", "\\u0085")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** Whether a parsed value is a number that is kept as its source text. */
export function isRawNumber(value: unknown): value is RawNumber {
  return JSON.isRawJSON?.(value) ?? false;
}

/** Whether a parsed value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !isRawNumber(value);
}
