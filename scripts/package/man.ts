import type { Manual } from "../../lib/cli/help.ts";

/**
 * The manual page, in roff.
 *
 * @param date of the page, 2026-11-23
 * @see man-pages(7), groff_man(7)
 */
export function manPage(
  { description, examples, sections, syntax, usage }: Manual,
  version: string,
  date: string,
): string {
  return [
    `.TH LAINLET 8 "${date}" "lainlet ${version}" "System administration"`,
    ".SH NAME",
    "lainlet \\- the state of a LAIN cluster, over HTTP",
    ".SH SYNOPSIS",
    ".nf",
    ...usage.map(escaped),
    ".fi",
    ".SH DESCRIPTION",
    ...description.flatMap((text, i) => [
      ...i > 0 ? [".PP"] : [],
      ...lines(text),
    ]),
    ".SH COMMANDS AND OPTIONS",
    ...lines(syntax),
    ...Object.entries(sections).flatMap(([title, items]) => [
      `.SS ${escaped(title)}`,
      ...items.flatMap(([term, text]) => [
        ".TP",
        `.B ${escaped(term)}`,
        ...lines(text),
      ]),
    ]),
    ".SH EXAMPLES",
    ...Object.entries(examples).flatMap(([title, lines], i) => [
      ...i > 0 ? [".PP", escaped(title)] : [],
      ".nf",
      ...lines.map(escaped),
      ".fi",
    ]),
    ".SH FILES",
    ".I /etc/default/lainlet",
    "has the flags and the environment of lainlet.service.",
    ".SH EXIT STATUS",
    ...lines(
      "0 after SIGTERM or SIGINT; 1 when it cannot continue, or a client's " +
        "request is refused; 2 when the command line is wrong.",
    ),
    "",
  ].join("\n");
}

/** A paragraph; mandoc warns of a sentence that ends within a line. */
function lines(text: string): string[] {
  return text.split(/(?<=\.) /).map(escaped);
}

/** Text as roff takes it: a minus stays one, and no line is a request. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replace(/^(?=['.])/, "\\&");
}
