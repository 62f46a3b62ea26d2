/** A flag, and what the help text says of it, line by line. */
type Item = readonly [term: string, text: readonly string[]];

/**
 * Makes the manual page of the help text: what its usage, its sections and
 * its examples say.
 *
 * @param date of the page, 2026-11-23
 * @see man-pages(7), groff_man(7)
 */
export function manPage(help: string, version: string, date: string): string {
  const [about = "", usage = "", ...rest] = help.split(/\n\n/);
  const examples = rest.findIndex((part) => part.startsWith("Examples:"));
  const sections = rest.slice(0, examples);
  return [
    `.TH LAINLET 8 "${date}" "lainlet ${version}" "System administration"`,
    ".SH NAME",
    "lainlet \\- the state of a LAIN cluster, over HTTP",
    ".SH SYNOPSIS",
    ".nf",
    ...usageLines(usage).map(escaped),
    ".fi",
    ".SH DESCRIPTION",
    ...about.split("\n").map(escaped),
    ...sections.filter((part) => !isSection(part))
      .flatMap((part) => [".PP", ...part.split("\n").map(escaped)]),
    ".SH COMMANDS AND OPTIONS",
    "A flag is \\-name value, \\-name=value, or the same with two dashes.",
    ...sections.filter(isSection).flatMap((part) => {
      const [title = "", ...lines] = part.split("\n");
      return [
        `.SS ${escaped(title.replace(/:$/, ""))}`,
        ...items(lines).flatMap(([term, text]) => [
          ".TP",
          `.B ${escaped(term)}`,
          ...text.map(escaped),
        ]),
      ];
    }),
    ".SH EXAMPLES",
    ".nf",
    ...rest.slice(examples).flatMap((part) => part.split("\n").slice(1))
      .map((line) => escaped(line.trim())),
    ".fi",
    ".SH FILES",
    ".I /etc/default/lainlet",
    "has the flags and the environment of lainlet.service.",
    ".SH EXIT STATUS",
    "0 after SIGTERM or SIGINT; 1 when it cannot go on, or a client's request",
    "is refused; 2 when the command line is wrong.",
    "",
  ].join("\n");
}

function isSection(part: string): boolean {
  return /^[^\n]*:\n {2}\S/.test(part);
}

function usageLines(usage: string): string[] {
  return usage.split("\n").map((line) =>
    line.replace(/^Usage:/, "").replace(/ {2,}\(.*$/, "").trim()
  );
}

/** The items of a section: a term, two spaces or a new line, and a text that goes on below. */
function items(lines: readonly string[]): Item[] {
  const all: Item[] = [];
  for (const line of lines) {
    const [, term, text] = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line) ?? [];
    const last = all.at(-1);
    if (term !== undefined) all.push([term, text === undefined ? [] : [text]]);
    else if (last !== undefined) {
      all[all.length - 1] = [last[0], [...last[1], line.trim()]];
    }
  }
  return all;
}

/** Text as roff takes it: a minus stays one, and no line is a request. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replace(/^(?=['.])/, "\\&");
}
