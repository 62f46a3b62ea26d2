import { CLIENT_FLAGS } from "../../lib/cli/commands.ts";
import { FLAG_SECTIONS } from "../../lib/cli/flags.ts";
import type { Manual } from "../../lib/cli/help.ts";

/** Environment variables that are read: those that stand for flags, and others. */
const VARIABLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [...CLIENT_FLAGS, ...Object.values(FLAG_SECTIONS).flat()]
      .flatMap(({ env, name }) =>
        env === undefined ? [] : [[env, `Used when --${name} is not given.`]]
      ),
  ),
  NO_COLOR: "Commands print no colors when it is set.",
  NOTIFY_SOCKET:
    "Set by systemd: the socket to which lainlet reports that it is ready.",
  TERM: "Where it is dumb, commands print no colors, and redraw nothing.",
  WATCHDOG_PID: "Set by systemd: the process that it watches.",
  WATCHDOG_USEC:
    "Set by systemd: it restarts a lainlet that is silent for this long.",
};

/** Files that lainlet reads or writes, and those that come with it. */
const FILES: Readonly<Record<string, string>> = {
  "/etc/default/lainlet": "Environment and flags of lainlet.service.",
  "/etc/lainlet/apis":
    "API files, each of which adds a view; systemctl reload reads them again.",
  "/usr/lib/systemd/system/lainlet.service": "The systemd service.",
  "/var/lib/lainlet/state":
    "The last known state, which lainlet serves after a start until it has read the store. It contains secrets.",
  "/run/systemd/notify": "The socket of systemd.",
  "/usr/share/doc/lainlet":
    "Pages: README.md, recipes for other programs in lib/client/RECIPES.md, and the runbook in scripts/package/README.md.",
  "/usr/share/lainlet/monitoring":
    "Alert rules for Prometheus and a dashboard for Grafana.",
};

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
    ".SH ENVIRONMENT",
    ...list("B", VARIABLES),
    ".SH FILES",
    ...list("I", FILES),
    ".SH EXIT STATUS",
    ...lines(
      "0 after SIGTERM or SIGINT; 1 when it cannot continue, or a client's " +
        "request is refused; 2 when the command line is wrong.",
    ),
    "",
  ].join("\n");
}

/** Terms with their descriptions. @param font of the terms, B or I */
function list(
  font: string,
  items: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(items).flatMap(([term, text]) => [
    ".TP",
    `.${font} ${escaped(term)}`,
    ...lines(text),
  ]);
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
