import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** Share of a word's letters that may differ, and how many may in a short word. */
const MAX_SHARE = 1 / 3;
const MAX_IN_SHORT_WORD = 2;

/**
 * Ends the message about an unknown word: `; did you mean proxywatcher?`, or
 * "" when no known word is similar.
 */
export function suggestion(word: string, known: Iterable<string>): string {
  const closest = closestTo(word, known);
  return closest === undefined ? "" : `; did you mean ${closest}?`;
}

/** The known word that begins with this one, or differs in the fewest letters. */
export function closestTo(
  word: string,
  known: Iterable<string>,
): string | undefined {
  const wanted = word.toLowerCase();
  if (wanted === "") return undefined;
  let best: string | undefined;
  let limit = Math.max(MAX_IN_SHORT_WORD, Math.ceil(word.length * MAX_SHARE)) +
    1;
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const isPrefix = wanted.length > 2 && other.startsWith(wanted);
    const distance = isPrefix ? 0 : levenshteinDistance(wanted, other);
    if (distance >= Math.min(limit, other.length)) continue;
    [best, limit] = [candidate, distance];
  }
  return best;
}
