import { assert, assertEquals } from "@std/assert";
import {
  filtered,
  MAX_WHOLE,
  rowsNear,
  sorted,
  within,
} from "../../../lib/ui/rows.ts";

interface Item {
  readonly name: string;
  readonly node?: string;
}

const COLUMNS = [
  { name: "name", text: ({ name }: Item) => name },
  { name: "node", text: ({ node = "" }: Item) => node },
  {
    name: "length",
    text: ({ name }: Item) => String(name.length),
    order: ({ name }: Item) => name.length,
  },
];

const ITEMS: readonly Item[] = [
  "node10",
  "node2",
  "Node1",
  "172.20.10.1",
  "172.20.9.1",
].map((name) => ({ name }));

const names = (items: readonly Item[]) => items.map(({ name }) => name);

Deno.test("rows: sorted by the numbers in a text, equal ones as they were", () => {
  assertEquals(names(sorted(ITEMS, COLUMNS, "name")), [
    "172.20.9.1",
    "172.20.10.1",
    "Node1",
    "node2",
    "node10",
  ]);
  assertEquals(names(sorted(ITEMS, COLUMNS, "-length")), [
    "172.20.10.1",
    "172.20.9.1",
    "node10",
    "node2",
    "Node1",
  ]);
  assertEquals(sorted(ITEMS, COLUMNS, "-node"), ITEMS);
  assertEquals(sorted(ITEMS, COLUMNS, "unknown"), ITEMS);
  assertEquals(sorted(ITEMS, COLUMNS, ""), ITEMS);
});

Deno.test("rows: filtered by all words of a query, in any column", () => {
  const items = [
    { name: "shop.web.web 1", node: "node22" },
    { name: "shop.web.web 2", node: "node3" },
    { name: "invoices", node: "node22" },
  ];
  assertEquals(names(filtered(items, COLUMNS, "SHOP node22")), [
    "shop.web.web 1",
  ]);
  assertEquals(names(filtered(ITEMS, COLUMNS, " NODE 1 ")), [
    "node10",
    "Node1",
  ]);
  // A word is not found across two columns.
  assertEquals(filtered(items, COLUMNS, "1node22"), []);
  assertEquals(filtered(items, COLUMNS, " "), items);
});

Deno.test("rows: those near the viewport are drawn, and the range moves in steps", () => {
  for (const height of [18, 31.5, 57]) {
    for (const viewport of [400, 720, 1440]) {
      let ranges = 0;
      let last = "";
      for (let scrolled = -300; scrolled < 20_000; scrolled += 7) {
        const range = rowsNear(-scrolled, height, viewport);
        const seen = Math.max(0, Math.floor(scrolled / height));
        const end = Math.max(0, Math.ceil((scrolled + viewport) / height));
        assert(range.first <= seen && range.last >= end, `${scrolled}`);
        assert(range.last - range.first < viewport / height + 100);
        if (JSON.stringify(range) !== last) ranges++;
        last = JSON.stringify(range);
      }
      assert(ranges < 20_300 / height / 15 + 3, `${ranges}`);
    }
  }
});

Deno.test("rows: a range stays within the table, whose height it keeps", () => {
  const near = { first: 400, last: 500 };
  assertEquals(within(near, 1000), { ...near, before: 400, after: 500 });
  assertEquals(within(near, MAX_WHOLE), {
    first: 0,
    last: MAX_WHOLE,
    before: 0,
    after: 0,
  });
  for (const count of [0, 1, 121, 399, 450, 2700]) {
    const { first, last, before, after } = within(near, count);
    assertEquals(before + (last - first) + after, count);
    // Some are drawn of a table that is shorter than it was, to be measured.
    assert(first >= 0 && last <= count && (last > first || count === 0));
  }
  // In print all are drawn.
  assertEquals(within({ first: 0, last: Infinity }, 2700).last, 2700);
});
