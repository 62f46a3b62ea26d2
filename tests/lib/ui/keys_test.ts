import { assertEquals } from "@std/assert";
import { keyAction, type KeyContext } from "../../../lib/ui/keys.ts";

const PAGE: KeyContext = {
  view: "pods",
  isEditable: false,
  isInSearch: false,
  isAfterPrefix: false,
  results: 0,
  focused: -1,
};
const AFTER_G = { ...PAGE, isAfterPrefix: true };
const FIELD = {
  ...PAGE,
  view: "search",
  isEditable: true,
  isInSearch: true,
  results: 3,
};
const RESULT = { ...PAGE, view: "search", results: 3, focused: 0 };

Deno.test("keys: each does one thing, where it is not text", () => {
  const result = (index: number) => ({ action: "result", index });
  const cases: [key: string, context: KeyContext, action?: object][] = [
    ["/", PAGE, { action: "search" }],
    ["/", RESULT, { action: "search" }],
    ["/", { ...PAGE, isEditable: true }],
    ["/", FIELD],
    ["Escape", PAGE],
    ["Enter", PAGE],
    ["ArrowDown", PAGE],
    ["x", PAGE],
    ["?", PAGE, { action: "keys" }],
    ["j", PAGE, { action: "item", step: 1 }],
    ["k", PAGE, { action: "item", step: -1 }],
    [".", PAGE, { action: "copy" }],
    ["g", PAGE, { action: "prefix" }],
    ["p", PAGE],
    ["p", AFTER_G, { action: "view", view: "pods" }],
    ["c", AFTER_G, { action: "view", view: "" }],
    ["x", AFTER_G],
    ["j", AFTER_G, { action: "item", step: 1 }],
    ["g", AFTER_G, { action: "prefix" }],
    ["j", RESULT, { action: "item", step: 1 }],
    // While somebody types, they are text.
    ...["?", "g", "j", "k", ".", "/"].flatMap((
      key,
    ): [string, KeyContext][] => [
      [key, { ...PAGE, isEditable: true }],
      [key, FIELD],
    ]),
    ["p", { ...AFTER_G, isEditable: true }],
    ["ArrowDown", FIELD, result(0)],
    ["ArrowUp", FIELD, { action: "field" }],
    ["Enter", FIELD, { action: "open" }],
    ["Enter", { ...FIELD, results: 0 }],
    ["Escape", FIELD, { action: "leave" }],
    ["x", FIELD],
    ["ArrowDown", RESULT, result(1)],
    ["ArrowDown", { ...RESULT, focused: 2 }, result(2)],
    ["ArrowUp", { ...RESULT, focused: 2 }, result(1)],
    ["ArrowUp", RESULT, { action: "field" }],
    ["Enter", RESULT],
    ["Escape", RESULT, { action: "leave" }],
    ["Escape", { ...RESULT, focused: -1 }, { action: "leave" }],
    ["ArrowDown", { ...RESULT, focused: -1 }],
  ];
  for (const [key, context, action] of cases) {
    assertEquals(
      [key, context, keyAction(key, context)],
      [key, context, action],
    );
  }
});
