import { assertEquals, assertThrows } from "@std/assert";
import {
  type Cell,
  cell,
  type Column,
  Layout,
  type Row,
  sortedBy,
} from "../../../lib/cli/table.ts";
import { UsageError } from "../../../lib/flags.ts";

const COLUMNS: readonly Column[] = [
  { title: "NAME", minWidth: 6, cut: "middle" },
  { title: "N", align: "right" },
  { title: "VERSION", priority: 1 },
  { title: "TEXT", minWidth: 5 },
  { title: "ID", isWide: true },
];

/** A table's lines, without colours. */
function lines(rows: string[][], width: number, isWide = false): string[] {
  const all = rows.map((cells): Row => ({
    name: cells[0] ?? "",
    value: {},
    cells,
    isOk: true,
  }));
  const layout = new Layout(COLUMNS, all, isWide, width);
  return [layout.header(), ...all.map((row) => layout.line(row))]
    // deno-lint-ignore no-control-regex
    .map((line) => line.replace(/\x1b\[\d+m/g, ""));
}

Deno.test("layout: without room columns are left out, then cells are cut", () => {
  const rows = [["shop.web.web/1", "1", "26", "all is well", "x"]];
  const whole = [
    "NAME            N  VERSION  TEXT",
    "shop.web.web/1  1  26       all is well",
  ];
  assertEquals(lines(rows, Infinity), whole);
  assertEquals(lines(rows, 39), whole);
  assertEquals(lines(rows, 46, true), [
    "NAME            N  VERSION  TEXT         ID",
    "shop.web.web/1  1  26       all is well  x",
  ]);
  // The version would fit only if names were cut to their minimum.
  assertEquals(lines(rows, 30), [
    "NAME      N  VERSION  TEXT",
    "shop…b/1  1  26       all is …",
  ]);
  assertEquals(lines(rows, 20), ["NAME     N  TEXT", "sho…b/1  1  all is …"]);
  // Then the line is cut.
  assertEquals(lines(rows, 10), ["NAME    N", "sho…/1  1"]);
});

Deno.test("layout: wide tables end at the terminal's edge, blanks too", () => {
  const rows = [["shop.web.web/1", "1", "26", "all is well", "x"]];
  assertEquals(lines(rows, 20, true), ["NAME    N  VERSION", "sho…/1  1  26"]);
  assertEquals(lines(rows, 10, true), ["NAME    N", "sho…/1  1"]);
});

Deno.test("layout: a folded cell continues below itself", () => {
  const columns: readonly Column[] = [
    { title: "TIME" },
    { title: "WHAT", minWidth: 10, isFolded: true },
  ];
  const row = {
    name: "1",
    value: {},
    cells: ["10:00:00", "shop.web.web: instance 1 moved"],
    isOk: true,
  };
  const linesOf = (width: number) =>
    new Layout(columns, [row], false, width).line(row).split("\n");
  assertEquals(linesOf(24), [
    "10:00:00  shop.web.web:",
    "          instance 1",
    "          moved",
  ]);
  assertEquals(linesOf(40).length, 1);
});

Deno.test("layout: wide characters take two columns", () => {
  assertEquals(lines([["例子例子", "1", "", "例子例子例子", ""]], 20), [
    "NAME     N  TEXT",
    "例…子    1  例子例…",
  ]);
});

Deno.test("tables: sorted by a column, the most and the worst first, equal ones as they were", () => {
  const rows = ([
    ["a10", 1, cell("OK", "good", 3)],
    ["a9", 12, cell("failed", "bad", 1)],
    ["b", undefined, cell("starting", "bad", 2)],
    ["a1", 12, cell("OK", "good", 3)],
  ] as const).map(([name, count, status]): Row => ({
    name,
    value: {},
    cells: [name, cell(count), cell("26"), status] as Cell[],
    isOk: true,
  }));
  const namesBy = (column: string) =>
    sortedBy(column, COLUMNS, rows).map(({ name }) => name);
  assertEquals(namesBy("name"), ["a1", "a9", "a10", "b"]);
  assertEquals(namesBy("-NAME"), ["b", "a10", "a9", "a1"]);
  assertEquals(namesBy("n"), ["a9", "a1", "a10", "b"]);
  assertEquals(namesBy("-n"), ["b", "a10", "a9", "a1"]);
  assertEquals(namesBy("text"), ["a9", "b", "a10", "a1"]);
  assertThrows(
    () => namesBy("tex"),
    UsageError,
    '--sort must be name, n, version, text, id, not "tex"; did you mean text?',
  );
});
