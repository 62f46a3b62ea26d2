/**
 * The command line, as shells complete it.
 *
 * @module
 */
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { LAINLET, run, serve } from "../util/command.ts";
import { groupAt } from "../util/group.ts";
import { Program } from "../util/process.ts";

Deno.test("command line: shells complete it", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  try {
    const asked: [line: string, ...words: string[]][] = [
      ["lainlet w", "watch"],
      ["lainlet get no", "nodes"],
      ["lainlet watch webrouter/", "webrouter/webprocs"],
      ["lainlet get procwatcher --ap", "--appname"],
      ["lainlet completions f", "fish"],
      ["lainlet --max", "--max.listeners", "--max.listeners.per.address"],
    ];
    const complete = {
      bash: (line: string) =>
        `source ${folder}/bash; COMP_WORDS=(${line}); ` +
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lainlet; " +
        'printf "%s\\n" "${COMPREPLY[@]}"',
      fish: (line: string) => `source ${folder}/fish; complete -C "${line}"`,
    };
    for (const shell of ["bash", "fish", "zsh"] as const) {
      const { stdout, code } = await run("completions", shell);
      assertEquals(code, 0);
      await Deno.writeTextFile(`${folder}/${shell}`, stdout);
    }
    for (const shell of ["bash", "fish"] as const) {
      for (const [line, ...words] of asked) {
        await t.step(`${shell}: ${line}`, async () => {
          await using program = new Program(shell, [
            "-c",
            complete[shell](line),
          ]);
          await program.ended();
          assertEquals(program.stderr, "");
          const found = program.stdout.trim().split("\n")
            .map((text) => text.split("\t")[0]);
          assertEquals(found.sort(), words.sort());
        });
      }
    }
    await t.step("zsh", async () => {
      const script = `autoload -U compinit && compinit -u -d ${folder}/dump; ` +
        `source ${folder}/zsh; echo $_comps[lainlet] $+functions[_lainlet]`;
      await using program = new Program("zsh", ["-fc", script]);
      await program.ended();
      assertEquals(program.stderr, "");
      assertMatch(program.stdout, /lainlet.* 1\n$/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("command line: shells complete names of what runs", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  try {
    const node = { name: "quiet-node", ip: "192.0.2.1" };
    const group = groupAt("192.0.2.2", "shop");
    await using s = await serve([
      [nodeKey(node), nodeValue(node)],
      [groupKey(group), groupValue(group)],
      ["/lain/config/vips/shop", "x"],
      // A name that somebody might wish to have run.
      [`/lain/config/$(touch\${IFS}${folder}/run)`, "x"],
    ]);
    for (const shell of ["bash", "fish"]) {
      const { stdout } = await run("completions", shell);
      await Deno.writeTextFile(`${folder}/${shell}`, stdout);
    }
    const env = { LAINLET_ADDR: s.lainlet.url };
    // On a busy machine lainlet is not always as fast as a shell has patience.
    await Deno.writeTextFile(
      `${folder}/timeout`,
      '#!/bin/sh\nshift\nexec "$@"\n',
      { mode: 0o755 },
    );
    const path = `PATH=${folder}:${LAINLET.replace(/\/[^/]*$/, "")}:$PATH`;
    // As they are typed, and what stands there after a Tab.
    const asked: [typed: string, stands: string][] = [
      ["lainlet pods sh", "lainlet pods shop"],
      ["lainlet find q", "lainlet find quiet-node"],
      ["lainlet config vi", "lainlet config vips/shop"],
      ["lainlet get nodes --name=q", "lainlet get nodes --name=quiet-node"],
    ];
    await t.step("bash, in a terminal", async () => {
      // To bash the colon before a port is the end of a word.
      const there = s.addr.replace("=", " ");
      const elsewhere = `lainlet get procwatcher ${there} --appname s`;
      // Ctrl-A goes to the line's beginning: it is not to be run.
      const ended = (line: string) => `${line}\t\x01: `;
      await using program = new Program("bash", [
        "-c",
        `${path}; printf '%s\\n' "$@" |
          script -qec 'bash --rcfile ${folder}/bash -i' /dev/null`,
        "bash",
        ...asked.map(([typed]) => ended(typed)),
        "LAINLET_ADDR=:1",
        ended(elsewhere),
      ], env);
      await program.ended();
      for (const [, stands] of [...asked, ["", `${elsewhere}hop`]]) {
        assertStringIncludes(program.stdout, `${stands} `);
      }
    });
    await t.step("fish", async () => {
      const script = asked.map(([typed]) => `complete -C "${typed}"`);
      await using program = new Program("bash", [
        "-c",
        `${path} exec fish -c 'source ${folder}/fish; ${script.join("; ")}'`,
      ], env);
      await program.ended();
      assertEquals(
        program.stdout.trimEnd().split("\n"),
        ["shop", "quiet-node", "vips/shop", "--name=quiet-node"],
      );
    });
    await assertRejects(() => Deno.stat(`${folder}/run`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
