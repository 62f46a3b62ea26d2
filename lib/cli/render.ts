import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import stringWidth from "string-width";
import type { Difference } from "../client/diff.ts";
import { isObject, isRawNumber } from "../json.ts";
import { printable } from "./printable.ts";

export { printable };

/** Width up to which a list stays on one line, and cells are aligned. */
const LINE = 100;

/** A JSON value on lines: aligned, coloured, safe to print. */
export function render(value: unknown): string[] {
  if (Array.isArray(value)) return list(value);
  if (isObject(value)) return members(Object.entries(value));
  return [scalar(value)];
}

/** Differences, one a line. */
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

/** An added or removed value: on the line of its name, or below it. */
function whole(name: string, value: unknown): string[] {
  const lines = render(value);
  return isShort(value)
    ? [name + lines.join("")]
    : [name.trimEnd(), ...indented(lines, 4)];
}

/** Rows as lines with aligned columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    widest(rows.map((row) => row[i] ?? ""))
  );
  return rows.map((row) =>
    row.map((cell, i) => padded(cell, widths[i] ?? 0)).join("  ").trimEnd()
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

/** A value on one line. */
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

/** The member names of items that are objects of scalars with the same names. */
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

/** Whether a value fits on the line of its name: a scalar, or a short list of scalars. */
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

/** The width of a column. Very wide texts do not count: they do not move the next columns of other rows. */
function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => {
    const width = widthOf(text);
    return width > LINE ? most : Math.max(most, width);
  }, 0);
}

/** Columns that a text takes in a terminal; colours take none. */
export function widthOf(text: string): number {
  const isPlain = text.length > 100 * LINE || /^[ -~]*$/.test(text);
  return isPlain ? text.length : stringWidth(text);
}

/** Made when it is needed: that takes 8 ms. */
let segmenter: Intl.Segmenter | undefined;

/** UTF-16 units of a text that are read for each column of room. */
const UNITS = 16;

/** Cuts a text without colours to a width; `…` stands for what is left out. */
export function cut(
  text: string,
  width: number,
  where: "end" | "middle" = "end",
): string {
  if (text.length <= UNITS * width && widthOf(text) <= width) return text;
  if (width < 1) return "";
  const tailWidth = where === "middle" ? Math.floor((width - 1) / 2) : 0;
  const head = segments(text.slice(0, UNITS * width));
  const tail = segments(text.slice(-UNITS * width)).reverse();
  const begin = fitting(head, width - 1 - tailWidth).join("");
  return `${begin}…${fitting(tail, tailWidth).reverse().join("")}`;
}

/** Breaks a text without colours into lines of a width, between words where that is possible. */
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
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** The first segments that fit into a width. */
function fitting(segments: readonly string[], width: number): string[] {
  let left = width;
  const end = segments.findIndex((segment) => (left -= widthOf(segment)) < 0);
  return end < 0 ? [...segments] : segments.slice(0, end);
}
