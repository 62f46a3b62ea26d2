/** A time span in which lainlet did not run. */
interface Gap {
  /** RFC 3339 */
  readonly begin: string;
  /** RFC 3339 */
  readonly end: string;
}

/** Gaps of the history that are listed one by one, at most. */
const MAX_LISTED = 3;

/**
 * Gaps as they are listed: each, or all as one span after a storm of restarts.
 * `times` says how often lainlet did not run: `5 times `, or "" for once.
 *
 * @param gaps the oldest first
 */
export function listedGaps(
  gaps: readonly Gap[],
): readonly (Gap & { readonly times: string })[] {
  const [first, last] = [gaps[0], gaps.at(-1)];
  if (gaps.length <= MAX_LISTED || !first || !last) {
    return gaps.map((gap) => ({ ...gap, times: "" }));
  }
  const { begin } = first;
  const { end } = last;
  return [{ begin, end, times: `${gaps.length} times ` }];
}
