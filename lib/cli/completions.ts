import { SWITCHES, VALUES } from "./flags.ts";
import { COMMANDS, ENDPOINTS, endpointsOf, SHELLS } from "./command.ts";

const FLAGS = [...VALUES, ...SWITCHES].map((name) => `--${name}`).join(" ");
const WORDS = Object.keys(COMMANDS).join(" ");

function names(command: "get" | "watch"): string {
  return endpointsOf(command).map(({ name }) => name).join(" ");
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
  const cases = ENDPOINTS.map(({ name, params }) => {
    const flags = ["addr", ...Object.keys(params)].map((param) => `--${param}`);
    return `        ${name}) words="${flags.join(" ")}" ;;`;
  });
  return `_lainlet() {
  local word=\${COMP_WORDS[COMP_CWORD]} words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${WORDS} ${FLAGS}"
  else
    case \${COMP_WORDS[1]} in
    get | watch)
      if [ "$COMP_CWORD" -eq 2 ]; then
        words="${names("get")}"
        [ "\${COMP_WORDS[1]}" = watch ] && words="${names("watch")}"
      else
        case \${COMP_WORDS[2]} in
${cases.join("\n")}
        esac
      fi
      ;;
    status) words="--addr" ;;
    completions) words="${SHELLS.join(" ")}" ;;
    *) words="${FLAGS}" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _lainlet lainlet
`;
}

/** @see https://fishshell.com/docs/current/completions.html */
function fish(): string {
  const first = "-n __fish_use_subcommand";
  const after = (words: string) => `-n '__fish_seen_subcommand_from ${words}'`;
  return [
    "-f",
    ...Object.keys(COMMANDS).map((word) => `${first} -a ${word}`),
    ...VALUES.map((flag) => `${first} -r -F -l ${flag}`),
    ...SWITCHES.map((flag) => `${first} -l ${flag}`),
    ...(["get", "watch"] as const).map((command) =>
      `${after(command)} -a '${names(command)}'`
    ),
    `${after("get watch status")} -x -l addr`,
    ...ENDPOINTS.flatMap(({ name, params }) =>
      Object.keys(params).map((param) => `${after(name)} -x -l ${param}`)
    ),
    `${after("completions")} -a '${SHELLS.join(" ")}'`,
  ].map((rest) => `complete -c lainlet ${rest}\n`).join("");
}
