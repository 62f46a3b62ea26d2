/**
 * Splits complete words into positional arguments, values of flags, and the
 * flag whose value is the next word, without checking them.
 *
 * @param takesValue whether a flag takes a value
 */
export function splitWords(
  words: readonly string[],
  takesValue: (flag: string) => boolean,
) {
  const positional: string[] = [];
  const values = new Map<string, string>();
  let open: string | undefined;
  for (const word of words) {
    const [, name, value] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (open !== undefined) {
      values.set(open, word);
      open = undefined;
    } else if (name === undefined) positional.push(word);
    else if (value !== undefined) values.set(name, value);
    else if (takesValue(name)) open = name;
  }
  return { positional, values, open };
}
