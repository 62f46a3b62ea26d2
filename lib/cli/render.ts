import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import stringWidth from "string-width";
import type { Difference } from "../client/diff.ts";
import { isObject, isRawNumber } from "../json.ts";

/** How wide a list may become on one line, and what is aligned. */
const LINE = 100;

/** A JSON value for people: aligned, coloured, safe to print, a line each. */
export function render(value: unknown): string[] {
  if (Array.isArray(value)) return list(value);
  if (isObject(value)) return members(Object.entries(value));
  return [scalar(value)];
}

/** What differs, a line each. */
export function renderDifferences(
  differences: readonly Difference[],
): string[] {
  return differences.flatMap(({ path, kind, before, after }) => {
    const where = path === "" ? "" : `${cyan(printable(path))}  `;
    if (kind === "added") return whole(`${green("+")} ${where}`, after);
    if (kind === "removed") return whole(`${red("-")} ${where}`, before);
    return [
      `${yellow("~")} ${where}${inline(before)} ${dim("→")} ${inline(after)}`,
    ];
  });
}

/** What came or went: on the line of its name, or under it. */
function whole(name: string, value: unknown): string[] {
  const lines = render(value);
  return isShort(value)
    ? [name + lines.join("")]
    : [name.trimEnd(), ...indented(lines, 4)];
}

/** Rows whose columns are aligned. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    widest(rows.map((row) => row[i] ?? ""))
  );
  return rows.map((row) =>
    row.map((cell, i) => padded(cell, widths[i] ?? 0)).join("  ").trimEnd()
  );
}

/** Text without what would move a terminal's cursor, or hide or turn round what follows. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
}

function scalar(value: unknown): string {
  if (value === "") return dim('""');
  if (value === null) return dim("null");
  if (typeof value === "string") return printable(value);
  if (isRawNumber(value)) return yellow(value.rawJSON);
  if (isEmpty(value)) return dim(JSON.stringify(value));
  return yellow(String(value));
}

/** A value on the line of its name. */
function inline(value: unknown): string {
  return isScalar(value) ? scalar(value) : printable(JSON.stringify(value));
}

function members(all: readonly (readonly [string, unknown])[]): string[] {
  if (all.length === 0) return [dim("{}")];
  const width = widest(
    all.filter(([, value]) => isShort(value)).map(([name]) => printable(name)),
  );
  return all.flatMap(([name, value]) => {
    const label = cyan(printable(name));
    if (isShort(value)) return [`${padded(label, width)}  ${short(value)}`];
    return [bold(label), ...indented(render(value))];
  });
}

function list(items: readonly unknown[]): string[] {
  if (items.length === 0) return [dim("[]")];
  if (isShort(items)) return [short(items)];
  const names = columns(items);
  if (names === undefined) {
    return items.flatMap((item) =>
      render(item).map((line, i) => (i === 0 ? dim("- ") : "  ") + line)
    );
  }
  return table([
    names.map((name) => dim(printable(name))),
    ...items.filter(isObject).map((item) =>
      names.map((name) => scalar(item[name]))
    ),
  ]);
}

/** The names that all items have, when they are objects of scalars that are alike. */
function columns(items: readonly unknown[]): string[] | undefined {
  const [first] = items;
  if (!isObject(first)) return undefined;
  const names = Object.keys(first);
  const isAlike = (item: unknown) =>
    isObject(item) && Object.values(item).every(isScalar) &&
    Object.keys(item).join("\0") === names.join("\0");
  return items.every(isAlike) ? names : undefined;
}

function isScalar(value: unknown): boolean {
  return isEmpty(value) || !Array.isArray(value) && !isObject(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value)
    ? value.length === 0
    : isObject(value) && Object.keys(value).length === 0;
}

/** Whether a value fits behind its name: a scalar, or a few of them. */
function isShort(value: unknown): boolean {
  if (isScalar(value)) return true;
  return Array.isArray(value) && value.length <= LINE &&
    value.every(isScalar) && widthOf(short(value)) <= LINE;
}

function short(value: unknown): string {
  return Array.isArray(value) && value.length > 0
    ? value.map(scalar).join(dim(", "))
    : scalar(value);
}

function indented(lines: readonly string[], by = 2): string[] {
  return lines.map((line) => " ".repeat(by) + line);
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** The width of a column: what is very wide stands out of it, and moves nobody else. */
function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => {
    const width = widthOf(text);
    return width > LINE ? most : Math.max(most, width);
  }, 0);
}

/** How many characters wide a text is; colours take no place, but a few characters each. */
export function widthOf(text: string): number {
  const isPlain = text.length > 100 * LINE || /^[ -~]*$/.test(text);
  return isPlain ? text.length : stringWidth(text);
}

const segmenter = new Intl.Segmenter();

/** How many UTF-16 units of a text are looked at for each character of room. */
const UNITS = 16;

/** A text without colours in no more than so many characters; what is left out is told by `…`. */
export function cut(
  text: string,
  width: number,
  where: "end" | "middle" = "end",
): string {
  if (text.length <= UNITS * width && widthOf(text) <= width) return text;
  if (width < 1) return "";
  const behind = where === "middle" ? Math.floor((width - 1) / 2) : 0;
  const head = segments(text.slice(0, UNITS * width));
  const tail = segments(text.slice(-UNITS * width)).reverse();
  const begin = fitting(head, width - 1 - behind).join("");
  return `${begin}…${fitting(tail, behind).reverse().join("")}`;
}

/** A text without colours on lines of no more than so many characters, which end between words where they can. */
export function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    for (line = word; widthOf(line) > width;) {
      const all = segments(line.slice(0, UNITS * width));
      const begin = fitting(all, width).join("") || all[0] || line;
      lines.push(begin);
      line = line.slice(begin.length);
    }
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

function segments(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** As many of them as there is room for. */
function fitting(segments: readonly string[], width: number): string[] {
  let left = width;
  const end = segments.findIndex((segment) => (left -= widthOf(segment)) < 0);
  return end < 0 ? [...segments] : segments.slice(0, end);
}
