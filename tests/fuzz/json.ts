import fc from "fast-check";
import { nested } from "../util/example.ts";

/** Names that objects of JavaScript take for something else, or that sort in odd ways, and plain ones. */
export const names: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "c") },
  fc.constantFrom("__proto__", "constructor", "10", "9", "", "\u2028", "é"),
  // Halves of surrogate pairs, which no UTF-8 and no URL can hold.
  fc.constantFrom("\ud800", "a\udfff", "\udc00\ud800"),
  fc.string({ unit: "binary", maxLength: 5 }),
);

/** Numbers, some of which a double would write in another way. */
const numbers: fc.Arbitrary<string> = fc.oneof(
  fc.integer().map(String),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((n) =>
    JSON.stringify(n)
  ),
  fc.constantFrom("9223372036854775807", "1.0", "-0", "1e400", "0.10", "1E2"),
);

/** Objects that are nested as deep as is taken, a little more, and far too deep. */
export const deep: fc.Arbitrary<string> = fc.oneof(
  fc.nat({ max: 700 }),
  fc.integer({ min: 190, max: 210 }),
  fc.nat({ max: 20_000 }),
).map((depth) => nested(depth + 1));

/** JSON text of all kinds, in which the parts of one kind are often the same. */
export const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>(
  (tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom("null", "true", "false", '""', "{}", "[]", "1"),
      numbers,
      names.map((name) => JSON.stringify(name)),
      fc.array(tie("value"), { maxLength: 3 })
        .map((items) => `[${items.join()}]`),
      objects(tie("value")),
    ),
  }),
).value;

/** Objects as JSON text, no name twice. */
export function objects(
  values: fc.Arbitrary<string>,
): fc.Arbitrary<string> {
  const members = fc.uniqueArray(fc.tuple(names, values), {
    selector: ([name]) => name,
    maxLength: 4,
  });
  return members.map((all) =>
    `{${all.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`
  );
}
