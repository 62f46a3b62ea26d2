/**
 * Text with escapes for characters that would move a terminal's cursor, or hide
 * or reverse what follows. A separate file: every command needs it, and
 * most of what else renders text is slow to load.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
}
