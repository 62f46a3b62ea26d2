import { assertEquals } from "@std/assert";
import { fold, printable, render } from "../../../lib/cli/render.ts";

const ESCAPE = "\x1b";
const COLOUR = new RegExp(`${ESCAPE}\\[\\d+m`, "g");

/** Rendered lines without colours. */
function plain(value: unknown): string[] {
  return render(value).map((line) => line.replaceAll(COLOUR, ""));
}

Deno.test("render: control characters are escaped, all others stay", () => {
  const cases: [text: string, shown: string][] = [
    ["aé☃😀", "aé☃😀"],
    ["\x1b[2J\x07\n\t", "\\u{1b}[2J\\u{7}\\u{a}\\u{9}"],
    [
      "\x9b\x7f\u202e\u2028\ufeff\ud800",
      "\\u{9b}\\u{7f}\\u{202e}\\u{2028}\\u{feff}\\u{d800}",
    ],
  ];
  for (const [text, shown] of cases) assertEquals(printable(text), shown);
});

Deno.test("render: a very wide text does not widen its column", () => {
  const wide = "x".repeat(1_000_000);
  assertEquals(plain({ a: 1, [wide]: 2, bb: 3 }), [
    "a   1",
    `${wide}  2`,
    "bb  3",
  ]);
  assertEquals(plain([{ a: wide, b: 1 }, { a: "x", b: 2 }]), [
    "a  b",
    `${wide}  1`,
    "x  2",
  ]);
});

Deno.test("render: long lists and objects", () => {
  const count = 200_000;
  const rows = Array.from({ length: count }, (_, i) => ({ i }));
  assertEquals(plain(rows).length, count + 1);
  assertEquals(plain(rows.map(({ i }) => i)).length, count);
  const members = Object.fromEntries(rows.map(({ i }) => [`n${i}`, i]));
  assertEquals(plain(members).length, count);
});

Deno.test("render: text is folded between words, a word only when it is too long", () => {
  assertEquals(fold("one two three", 7), ["one two", "three"]);
  assertEquals(fold("a 123456789 b", 4), ["a", "1234", "5678", "9 b"]);
  assertEquals(fold("例子例子", 5), ["例子", "例子"]);
  assertEquals(fold("例", 1), ["例"]);
  assertEquals(fold("", 4), [""]);
});
