import { SWITCHES, VALUES } from "../flags.ts";
import { COMMANDS, ENDPOINTS, type SHELLS } from "./command.ts";

const FLAGS = [...VALUES, ...SWITCHES].map((name) => `--${name}`).join(" ");
const WORDS = Object.keys(COMMANDS).join(" ");
const names = (command: string) =>
  ENDPOINTS.filter(({ isView }) => isView || command === "get")
    .map(({ name }) => name).join(" ");
const PARAMS = ENDPOINTS.map(({ name, params }) => ({
  name,
  flags: ["addr", ...Object.keys(params)].map((param) => `--${param}`)
    .join(" "),
}));

/** Completions of lainlet's command line, to be read by a shell. */
export function completions(shell: typeof SHELLS[number]): string {
  switch (shell) {
    case "bash":
      return BASH;
    case "zsh":
      // Zsh can use what was made for bash.
      return `#compdef lainlet
autoload -U +X bashcompinit && bashcompinit
${BASH}`;
    case "fish":
      return FISH;
  }
}

/** @see https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html */
const BASH = `_lainlet() {
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
${
  PARAMS.map(({ name, flags }) => `        ${name}) words="${flags}" ;;`).join(
    "\n",
  )
}
        esac
      fi
      ;;
    status) words="--addr" ;;
    completions) words="bash zsh fish" ;;
    *) words="${FLAGS}" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _lainlet lainlet
`;

/** @see https://fishshell.com/docs/current/completions.html */
const FISH = [
  "complete -c lainlet -f",
  ...Object.keys(COMMANDS).map((word) =>
    `complete -c lainlet -n __fish_use_subcommand -a ${word}`
  ),
  ...VALUES.map((flag) =>
    `complete -c lainlet -n __fish_use_subcommand -r -F -l ${flag}`
  ),
  ...SWITCHES.map((flag) =>
    `complete -c lainlet -n __fish_use_subcommand -l ${flag}`
  ),
  ...["get", "watch"].map((command) =>
    `complete -c lainlet -n '__fish_seen_subcommand_from ${command}' -a '${
      names(command)
    }'`
  ),
  "complete -c lainlet -n '__fish_seen_subcommand_from get watch status' -x -l addr",
  ...ENDPOINTS.flatMap(({ name, params }) =>
    Object.keys(params).map((param) =>
      `complete -c lainlet -n '__fish_seen_subcommand_from ${name}' -x -l ${param}`
    )
  ),
  "complete -c lainlet -n '__fish_seen_subcommand_from completions' -a 'bash zsh fish'",
  "",
].join("\n");
