/**
 * The command line, as shells complete it.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { LAINLET, run, serve } from "../util/command.ts";
import { groupAt } from "../util/example.ts";
import { Program } from "../util/process.ts";

/**
 * Runs a program until it prints something: a busy machine may not answer in
 * the time that a shell has for it.
 */
async function prints(
  isIt: (lines: string[]) => boolean,
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<void> {
  let lines: string[] = [];
  for (let i = 0; i < TRIES; i++) {
    await using program = new Program(command, args, env);
    await program.ended();
    assertEquals(program.stderr, "");
    lines = program.stdout.trimEnd().split("\n");
    if (isIt(lines)) return;
  }
  throw new Error(`not completed: ${lines.join("\n")}`);
}

const TRIES = 20;

Deno.test("completion: what runs is completed in each shell, and nothing of it is run", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  try {
    const node = { name: "quiet-node", ip: "192.0.2.1" };
    const group = groupAt("192.0.2.2", "shop");
    await using s = await serve([
      [nodeKey(node), nodeValue(node)],
      [groupKey(group), groupValue(group)],
      ["/lain/config/vips/shop", "x"],
      // A name that a shell might execute.
      [`/lain/config/vi$(touch\${IFS}${folder}/run)`, "x"],
    ]);
    for (const shell of ["bash", "fish", "zsh"]) {
      const { stdout } = await run("completions", shell);
      await Deno.writeTextFile(`${folder}/${shell}`, stdout);
    }
    const env = { LAINLET_ADDR: s.lainlet.url };
    const path = `PATH="${LAINLET.replace(/\/[^/]*$/, "")}:$PATH"`;
    // As they are typed, and what stands there after a Tab.
    const asked: [typed: string, stands: string][] = [
      ["lainlet versio", "lainlet version"],
      ["lainlet completions f", "lainlet completions fish"],
      ["lainlet watch webrouter/", "lainlet watch webrouter/webprocs"],
      ["lainlet get procwatcher --ap", "lainlet get procwatcher --appname"],
      ["lainlet pods -o wi", "lainlet pods -o wide"],
      ["lainlet pods --output=wi", "lainlet pods --output=wide"],
      ["lainlet pods sh", "lainlet pods shop"],
      ["lainlet find q", "lainlet find quiet-node"],
      ["lainlet config vi", "lainlet config vips/shop"],
      ["lainlet get nodes --name=q", "lainlet get nodes --name=quiet-node"],
      [`lainlet --state ${folder}/fi`, `lainlet --state ${folder}/fish`],
    ];
    const last = (line: string) => line.slice(line.lastIndexOf(" ") + 1);
    await t.step("bash, in a terminal", async () => {
      // To bash the colon before a port is the end of a word.
      const there = s.addr.replace("=", " ");
      const elsewhere = `lainlet get procwatcher ${there} --appname s`;
      // Ctrl-A goes to the line's beginning: it is not to be run.
      const ended = (line: string) => `${line}\t\x01: `;
      const stands = [...asked.map(([, line]) => line), `${elsewhere}hop`];
      await prints(
        (lines) => stands.every((line) => lines.join().includes(`${line} `)),
        "bash",
        [
          "-c",
          `${path}; printf '%s\\n' "$@" |
          script -qec 'bash --rcfile ${folder}/bash -i' /dev/null`,
          "bash",
          ...asked.map(([typed]) => ended(typed)),
          "LAINLET_ADDR=:1",
          ended(elsewhere),
        ],
        env,
      );
    });
    await t.step("fish", async () => {
      const script = asked.map(([typed]) => `complete -C "${typed}"`);
      const stands = asked.map(([, line]) => last(line)).join();
      await prints(
        (lines) => lines.map((line) => line.split("\t")[0]).join() === stands,
        "bash",
        [
          "-c",
          `${path} exec fish -c 'source ${folder}/fish; ${script.join("; ")}'`,
        ],
        env,
      );
    });
    await t.step("zsh", async () => {
      // What a widget would be given; the files are completed by _files.
      const script = asked.map(([typed]) =>
        `words=(${typed}); CURRENT=$#words; _lainlet`
      );
      const stands = asked.map(([, line]) =>
        last(line.replace(`${folder}/`, ""))
      ).join();
      await prints((lines) => lines.map(last).join() === stands, "bash", [
        "-c",
        `${path} exec zsh -fc 'autoload -U compinit && compinit -u -D
          compadd() { print -rl -- "\${values[@]}" }
          _files() { values=(fish) }
          source ${folder}/zsh
          ${script.join("\n")}'`,
      ], env);
    });
    await t.step("zsh, from a folder of functions", async () => {
      await Deno.mkdir(`${folder}/functions`);
      await Deno.copyFile(`${folder}/zsh`, `${folder}/functions/_lainlet`);
      await prints((lines) => lines.join() === "_lainlet,shop", "bash", [
        "-c",
        `${path} exec zsh -fc 'fpath=(${folder}/functions $fpath)
          autoload -U compinit && compinit -u -D
          compadd() { print -rl -- "\${values[@]}" }
          words=(lainlet pods sh); CURRENT=3
          echo $_comps[lainlet]; _lainlet'`,
      ], env);
    });
    await assertRejects(() => Deno.stat(`${folder}/run`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
