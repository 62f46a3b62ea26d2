import type { Flag } from "../flags.ts";
import { FORMATS, type Word, WORDS } from "./commands.ts";
import type { SHELLS } from "./command.ts";
import { ENDPOINTS, endpointsOf } from "./endpoints.ts";
import { FLAGS } from "./help.ts";

/** What is asked for the values of a flag, or of a parameter. */
const LIVE: Readonly<Record<string, "apps" | "nodes">> = {
  appname: "apps",
  name: "nodes",
  nodeip: "nodes",
  nodename: "nodes",
};

/** The seconds that a shell waits for live names. */
const PATIENCE = 2;

/** What may follow a word: words that are known, and lists that are asked for. */
function taken(name: string, { takes, argument }: Word) {
  switch (takes) {
    case "app":
      return { lists: ["apps"] };
    case "anything":
      return { lists: ["apps", "nodes"] };
    case "config":
      return { lists: ["config"] };
    case "endpoint":
      return {
        words: endpointsOf(name === "get" ? "get" : "watch").map(({ name }) =>
          name
        ),
      };
    case "command":
      return { words: [...WORDS.keys()] };
  }
  return argument === "" ? undefined : { words: argument.split("|") };
}

/** Completions of lainlet's command line, to be read by a shell. */
export function completions(shell: typeof SHELLS[number]): string {
  switch (shell) {
    case "bash":
      return bash();
    case "zsh":
      // Zsh can use what was made for bash.
      return `#compdef lainlet
autoload -U +X bashcompinit && bashcompinit
${bash()}`;
    case "fish":
      return fish();
  }
}

/** @see https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html */
function bash(): string {
  const serving = dashed(FLAGS);
  const values = Object.entries(Object.groupBy(
    Object.entries(LIVE),
    ([, list]) => list,
  )).map(([list, flags = []]) => {
    const names = flags.map(([name]) => `--${name}`).join(" | ");
    return `  ${names}) words=$(_lainlet_names ${list}) ;;`;
  });
  return `_lainlet_names() {
  # Bash takes the colon before a port, too, for the end of a word.
  local list addr=\${COMP_LINE#*--addr[ =]}
  [ "$addr" = "$COMP_LINE" ] && addr=
  for list; do
    timeout ${PATIENCE} "\${COMP_WORDS[0]}" "$list" -o name \${addr:+--addr="\${addr%% *}"} 2>/dev/null
  done | grep -xE '[[:alnum:]._/:@+-]+' # compgen runs what a name may hold
}
_lainlet_params() {
  case $1 in
${
    ENDPOINTS.filter(({ params }) => Object.keys(params).length > 0)
      .map(({ name, params }) =>
        `  ${name}) echo "${dashed(paramFlags(params))}" ;;`
      ).join("\n")
  }
  esac
}
_lainlet() {
  local word=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD - 1]} words
  if [ "$word" = = ]; then
    word=
  elif [ "$flag" = = ]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $flag in
  -o | --output) words="${FORMATS.join(" ")}" ;;
  --addr | --since) ;;
${values.join("\n")}
  *) _lainlet_words ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
_lainlet_words() {
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${[...WORDS.keys()].join(" ")} ${serving}"
    return
  fi
  case \${COMP_WORDS[1]} in
${[...WORDS].map(([name, word]) => bashCase(name, word)).join("\n")}
  *) words="${serving}" ;;
  esac
}
complete -o default -F _lainlet lainlet
`;
}

function bashCase(name: string, word: Word): string {
  const { words, lists } = taken(name, word) ?? {};
  const lines = [`words="${dashed(word.flags)}"`];
  if (word.takes === "endpoint") {
    lines.push('words+=" $(_lainlet_params "${COMP_WORDS[2]}")"');
  }
  const values = lists === undefined
    ? words && `"${words.join(" ")}"`
    : `$(_lainlet_names ${lists.join(" ")})`;
  if (values !== undefined) {
    lines.push(`[[ $COMP_CWORD -eq 2 && $word != -* ]] && words=${values}`);
  }
  return [`  ${name})`, ...lines.map((line) => `    ${line}`), "    ;;"]
    .join("\n");
}

function dashed(flags: readonly Pick<Flag, "name">[]): string {
  return flags.map(({ name }) => `--${name}`).join(" ");
}

function paramFlags(params: object): { name: string }[] {
  return Object.keys(params).map((name) => ({ name }));
}

/** @see https://fishshell.com/docs/current/completions.html */
function fish(): string {
  const first = "-n __fish_use_subcommand";
  const after = (word: string) => `-n '__fish_seen_subcommand_from ${word}'`;
  const ask = (list: string) =>
    `-a '(timeout ${PATIENCE} lainlet ${list} -o name 2>/dev/null)'`;
  return [
    "-f",
    ...[...WORDS].map(([name, { about }]) =>
      `${first} -a ${name} -d ${quoted(about)}`
    ),
    ...FLAGS.map(({ name, value }) =>
      `${first} ${value === undefined ? "" : "-r -F "}-l ${name}`
    ),
    ...[...WORDS].flatMap(([name, word]) => {
      const { words, lists } = taken(name, word) ?? {};
      return [
        ...words === undefined ? [] : [`-a '${words.join(" ")}'`],
        ...(lists ?? []).map(ask),
        ...word.flags.map(fishFlag),
      ].map((rest) => `${after(name)} ${rest}`);
    }),
    ...ENDPOINTS.flatMap(({ name, params }) =>
      Object.keys(params).map((param) => {
        const list = LIVE[param];
        const values = list === undefined ? "" : ` ${ask(list)}`;
        return `${after(name)} -x -l ${param}${values}`;
      })
    ),
  ].map((rest) => `complete -c lainlet ${rest}\n`).join("");
}

function fishFlag({ letters = [], name, value, help }: Flag): string {
  return [
    ...letters.map((letter) => `-s ${letter}`),
    `-l ${name}`,
    ...value === undefined ? [] : ["-x"],
    ...name === "output" ? [`-a '${FORMATS.join(" ")}'`] : [],
    `-d ${quoted(help)}`,
  ].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
