/**
 * Completion as cobra does it: a shell's script calls `lainlet __complete`
 * with the words so far, of which the last is to be completed, and gets
 * `word<TAB>description` lines, then `:0` where files complete it, too, or
 * `:4` where they do not.
 *
 * @see https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md
 * @module
 */
import { Client } from "../client/client.ts";
import { type Flag, HELP_FLAG } from "../flags.ts";
import { baseUrl, type SHELLS } from "./command.ts";
import { COMMAND_SPECS, type CommandSpec, COMPLETE } from "./commands.ts";
import type { EndpointInfo } from "./endpoints.ts";
import { splitWords } from "./words.ts";
import { FLAGS } from "./flags.ts";

/**
 * When a completion is to be printed, in ms after the start of the process: a
 * shell waits 300 ms at most. On a busy machine, where the start alone takes
 * longer, lainlet gets some time nevertheless.
 */
const DEADLINE = 250;
const MIN_TIMEOUT = 50;

/** Names that complete as they are in every shell; others are left out. */
const PLAIN = /^[\w.\/:@+-]+$/;

interface Candidate {
  readonly word: string;
  readonly description?: string;
}

interface Completion {
  readonly candidates: readonly Candidate[];
  /** Whether files complete the word, too. */
  readonly hasFiles?: boolean;
}

/** What a running lainlet knows. */
type Names = "apps" | "config" | "ips" | "nodes";

/** Asks a running lainlet. Nothing is found when it does not answer in time. */
interface Lookup {
  names(names: Names): Promise<Candidate[]>;
  views(): Promise<EndpointInfo[]>;
}

/** Names that are values of an endpoint's parameter. */
const PARAM_NAMES: Readonly<Record<string, Names>> = {
  appname: "apps",
  name: "nodes",
  node: "nodes",
  nodeip: "ips",
  nodename: "nodes",
  target: "config",
};

/**
 * Completes a command line.
 *
 * @param words the arguments so far; the last one is to be completed
 * @param addr where lainlet is, when no word says so
 * @param timeout for lainlet, in ms
 * @returns lines for a shell's script
 */
export async function complete(
  words: readonly string[],
  addr: string,
  timeout = Math.max(MIN_TIMEOUT, DEADLINE - performance.now()),
): Promise<string[]> {
  const word = words.at(-1) ?? "";
  const { candidates, hasFiles = false } = await completion(
    words,
    (addrFlag = addr) => ({
      names: (names) => namesOf(names, addrFlag, timeout),
      views: () => servedViewsAt(addrFlag, timeout),
    }),
  );
  return [
    ...candidates.filter((one) =>
      one.word.startsWith(word) && PLAIN.test(one.word.replace("=", ""))
    ).map(({ description, word }) =>
      description === undefined ? word : `${word}\t${description}`
    ),
    hasFiles ? ":0" : ":4",
  ];
}

async function completion(
  words: readonly string[],
  lookupAt: (addr?: string) => Lookup,
): Promise<Completion> {
  const before = words.slice(0, -1);
  const word = words.at(-1) ?? "";
  const [name = ""] = before;
  const spec = COMMAND_SPECS.get(name);
  const parsed = splitWords(
    before.slice(spec === undefined ? 0 : 1),
    takesValue,
  );
  const lookup = lookupAt(parsed.values.get("addr"));
  const endpoint = spec?.completion === "endpoint"
    ? await endpointOf(parsed.positional[0], lookup)
    : undefined;
  const flags = spec === undefined
    ? FLAGS
    : [...spec.flags, ...paramFlags(endpoint), HELP_FLAG];

  const [, flagName, start] = /^--?([^=]+)=(.*)$/s.exec(word) ?? [];
  if (flagName !== undefined && start !== undefined) {
    const { candidates, ...rest } = await valuesOf(flags, flagName, lookup);
    const prefix = word.slice(0, word.length - start.length);
    return {
      ...rest,
      candidates: candidates.map((one) => ({
        ...one,
        word: prefix + one.word,
      })),
    };
  }
  if (parsed.open !== undefined) {
    return await valuesOf(flags, parsed.open, lookup);
  }
  if (word.startsWith("-")) {
    return {
      candidates: flags.map(({ help, name }) => ({
        word: `--${name}`,
        description: help,
      })),
    };
  }
  if (before.length === 0) {
    return {
      candidates: Array.from(COMMAND_SPECS, ([word, { summary }]) => ({
        word,
        description: summary,
      })),
    };
  }
  if (spec?.completion === "file" && parsed.positional.length === 1) {
    return { candidates: [], hasFiles: true };
  }
  return spec === undefined || parsed.positional.length > 0
    ? { candidates: [] }
    : await argumentsOf(name, spec, lookup);
}

/** Flags that take a value, of whatever command. */
const VALUE_FLAGS: ReadonlySet<string> = new Set(
  [...FLAGS, ...[...COMMAND_SPECS.values()].flatMap(({ flags }) => flags)]
    .filter(({ value }) => value !== undefined)
    .flatMap(({ letters = [], name }) => [name, ...letters]),
);

function takesValue(flag: string): boolean {
  return VALUE_FLAGS.has(flag) || Object.hasOwn(PARAM_NAMES, flag);
}

/** The endpoint of a name: lainlet is asked for one that is not built in. */
async function endpointOf(
  name: string | undefined,
  lookup: Lookup,
): Promise<EndpointInfo | undefined> {
  if (name === undefined) return undefined;
  const { findEndpoint } = await import("./endpoints.ts");
  return findEndpoint(name) ?? findEndpoint(name, await lookup.views());
}

/** The views that a lainlet serves. */
async function servedViewsAt(
  addr: string,
  timeout: number,
): Promise<EndpointInfo[]> {
  const { readServedViews } = await import("./served_endpoints.ts");
  try {
    return await readServedViews(
      new Client(baseUrl(addr)),
      AbortSignal.timeout(timeout),
    );
  } catch {
    return [];
  }
}

function paramFlags(endpoint?: EndpointInfo): Flag[] {
  return Object.entries(endpoint?.params ?? {}).map((
    [name, { description }],
  ) => ({ name, value: "VALUE", help: description }));
}

async function valuesOf(
  flags: readonly Flag[],
  name: string,
  lookup: Lookup,
): Promise<Completion> {
  const flag = flags.find((one) =>
    one.name === name || one.letters?.includes(name)
  );
  if (flag?.choices !== undefined) return { candidates: words(flag.choices) };
  if (flag?.value === "FILE") return { candidates: [], hasFiles: true };
  const names = flag && Object.hasOwn(PARAM_NAMES, flag.name)
    ? PARAM_NAMES[flag.name]
    : undefined;
  return { candidates: names === undefined ? [] : await lookup.names(names) };
}

async function argumentsOf(
  name: string,
  { argument, completion }: CommandSpec,
  lookup: Lookup,
): Promise<Completion> {
  switch (completion) {
    case "app":
      return { candidates: await lookup.names("apps") };
    case "name": {
      const found = await Promise.all([
        lookup.names("apps"),
        lookup.names("nodes"),
      ]);
      return { candidates: found.flat() };
    }
    case "config":
      return { candidates: await lookup.names("config") };
    case "node":
      return { candidates: await lookup.names("nodes") };
    case "command":
      return { candidates: words(COMMAND_SPECS.keys()) };
    case "endpoint": {
      const { endpointsOf } = await import("./endpoints.ts");
      const builtIn = endpointsOf(name === "get" ? "get" : "watch");
      const served = await lookup.views();
      const all = new Map(
        [...served, ...builtIn].map(({ name, summary }) => [name, summary]),
      );
      return {
        candidates: Array.from(
          all,
          ([word, description]) => ({ word, description }),
        ),
      };
    }
    case "file":
      return { candidates: words(["check"]) };
    case undefined:
      return { candidates: words(argument === "" ? [] : argument.split("|")) };
  }
}

function words(all: Iterable<string>): Candidate[] {
  return Array.from(all, (word) => ({ word }));
}

/** Names that a lainlet knows. */
async function namesOf(
  names: Names,
  addr: string,
  timeout: number,
): Promise<Candidate[]> {
  const signal = AbortSignal.timeout(timeout);
  try {
    const client = new Client(baseUrl(addr));
    switch (names) {
      case "apps":
        return words(Object.keys(await client.get("appswatcher", {}, signal)));
      case "config":
        return words(
          Object.keys(await client.get("configwatcher", {}, signal)),
        );
      case "ips":
      case "nodes": {
        const nodes = Object.keys(await client.get("nodes", {}, signal))
          .map((key) => /^([^:]*):(.*):[^:]*$/.exec(key) ?? []);
        return words(
          nodes.map(([, name = "", ip = ""]) => names === "ips" ? ip : name),
        );
      }
    }
  } catch {
    // It is not there, refuses, or is too slow: then nothing completes.
    return [];
  }
}

/** The script that makes a shell complete lainlet's command line. */
export function completionScript(shell: typeof SHELLS[number]): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<typeof SHELLS[number], string>> = {
  // Bash ends words at = and :, too, and replaces what follows them.
  bash: `_lainlet() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words word
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
  [[ $cur == [=:] ]] && cur=
  local last=\${words[\${#words[@]} - 1]} program=\${words[0]/#\\~/$HOME}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    case $word in
    :0) ;;
    :4) compopt +o default 2>/dev/null ;;
    *) COMPREPLY+=("\${word#"\${last%"$cur"}"}") ;;
    esac
  done < <("$program" ${COMPLETE} "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _lainlet lainlet
`,
  zsh: `#compdef lainlet
compdef _lainlet lainlet
_lainlet() {
  local line
  local -a values shown
  for line in "\${(@f)$("\${words[1]/#\\~/$HOME}" ${COMPLETE} "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
    :0) _files ;;
    :4 | "") ;;
    *) values+=("\${line%%$'\\t'*}") shown+=("\${line/$'\\t'/  -- }") ;;
    esac
  done
  compadd -d shown -a values
}
# As an autoloaded file it is called at once.
[[ $funcstack[1] == _lainlet ]] && _lainlet
`,
  fish: `function __lainlet_complete
  set -l words (commandline -opc)
  for line in ($words[1] ${COMPLETE} $words[2..-1] (commandline -ct) 2>/dev/null)
    switch $line
      case :0
        __fish_complete_path (commandline -ct)
      case :4
      case '*'
        echo $line
    end
  end
end
complete -c lainlet -f -a '(__lainlet_complete)'
`,
};
