/** How many strings each of two generations holds at most, and how long they may be. */
const MOST = 4_096;
const LONGEST = 256;

let recent = new Map<string, string>();
let before = new Map<string, string>();

/**
 * A string that others are likely to be equal to: while it comes again and
 * again, there is one of them in memory. What does not come again is
 * forgotten.
 */
export function shared(text: string): string {
  if (text.length > LONGEST) return text;
  const known = recent.get(text);
  if (known !== undefined) return known;
  const one = before.get(text) ?? text;
  if (recent.size === MOST) {
    before = recent;
    recent = new Map();
  }
  recent.set(one, one);
  return one;
}
