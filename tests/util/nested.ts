/** A JSON object that is nested so deep: `{"a":[[…]]}`. */
export function nested(depth: number): string {
  return `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}
