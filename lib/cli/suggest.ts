import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** A third of the letters may be wrong, and two of a short word. */
const PART = 1 / 3;
const FEW = 2;

/**
 * What goes on behind a complaint about a word that is none of those that
 * there are: `; did you mean proxywatcher?`, or "" when nothing is like it.
 */
export function suggestion(word: string, known: Iterable<string>): string {
  const closest = closestTo(word, known);
  return closest === undefined ? "" : `; did you mean ${closest}?`;
}

/** The word that begins with this one, or has the fewest other letters. */
export function closestTo(
  word: string,
  known: Iterable<string>,
): string | undefined {
  const small = word.toLowerCase();
  if (small === "") return undefined;
  let best: string | undefined;
  let least = Math.max(FEW, Math.ceil(word.length * PART)) + 1;
  for (const one of known) {
    const other = one.toLowerCase();
    const isBeginning = small.length > 2 && other.startsWith(small);
    const distance = isBeginning ? 0 : levenshteinDistance(small, other);
    if (distance >= Math.min(least, other.length)) continue;
    [best, least] = [one, distance];
  }
  return best;
}
