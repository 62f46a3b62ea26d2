/**
 * The command line as a client: in a pipe, and in a terminal.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { commandHelp } from "../../lib/cli/help.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { get } from "../util/client.ts";
import { cluster } from "../util/golden.ts";
import { TARGETS, TestLainlet } from "../util/lainlet.ts";
import { groupAt } from "../util/group.ts";
import { eventually, freePort, Program } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const [LAINLET] = TARGETS.binary;

/** Runs lainlet to its end. */
async function run(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using program = new Program(LAINLET, args);
  const { code } = await program.ended();
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Starts lainlet in a terminal of its own. */
function inTerminal(...args: string[]): Program {
  const command = [LAINLET, ...args].map((arg) => `'${arg}'`).join(" ");
  return new Program("script", [
    "-qec",
    `env -u NO_COLOR ${command}`,
    "/dev/null",
  ]);
}

/** What a terminal shows, without colours. */
function shown({ stdout }: Program): string {
  // deno-lint-ignore no-control-regex
  return stdout.replace(/\x1b\[\d+m/g, "").replaceAll("\r\n", "\n");
}

async function serve(content: Iterable<readonly [string, string]>) {
  const store = new MemoryStore(content);
  const lainlet = await new TestLainlet(store).ready();
  const proxy = new Proxy(lainlet.url);
  return {
    store,
    lainlet,
    proxy,
    addr: `--addr=${proxy.url}`,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await lainlet[Symbol.asyncDispose]();
    },
  };
}

Deno.test("command line: get in a pipe is the answer, one line", async () => {
  await using s = await serve(Object.entries(cluster));
  for (
    const [path, ...args] of [
      ["/v2/coreinfowatcher", "coreinfowatcher"],
      [
        "/v2/procwatcher?appname=console",
        "procwatcher",
        "--appname",
        "console",
      ],
      ["/v2/webrouter/webprocs", "/v2/webrouter/webprocs/"],
      ["/appname?ip=192.0.2.9", "appname", "-ip=192.0.2.9"],
      ["/version", "version"],
    ]
  ) {
    const { status, body } = await get(s.lainlet.url + path);
    const { code, stdout, stderr } = await run("get", ...args, s.addr);
    if (status === 200) {
      assertEquals([code, stdout, stderr], [0, `${body}\n`, ""]);
    } else assertEquals([code, stdout, stderr], [1, "", `lainlet: ${body}\n`]);
  }
});

Deno.test("command line: watch in a pipe is a state a line, also over a gap", async () => {
  const limit = "9223372036854771712";
  const group = groupAt("192.0.2.2");
  const value = groupValue(group).replace("268435456", limit);
  await using s = await serve([[groupKey(group), value]]);
  await using watch = new Program(LAINLET, [
    "watch",
    "coreinfowatcher",
    s.addr,
  ]);
  const line = (count: number) =>
    eventually(
      `line ${count}`,
      // The last one may not be whole.
      () => watch.stdout.split("\n").slice(0, -1)[count - 1],
    );
  const answer = async () =>
    (await get(`${s.lainlet.url}/v2/coreinfowatcher`)).body;
  assertEquals(await line(1), await answer());
  assert(watch.stdout.includes(limit));
  const other = { ...group, app: "b" };
  s.store.put(groupKey(other), groupValue(other));
  assertEquals(await line(2), await answer());
  s.proxy.fault = "cut";
  const told = (text: string) =>
    eventually(text, () => watch.stderr.includes(text) || undefined);
  await eventually("that is told", () => watch.stderr || undefined);
  s.store.delete(groupKey(other));
  s.proxy.fault = "none";
  assertEquals(await line(3), await answer());
  await told("lainlet answers");
  await told("there was a gap");
  for (const text of watch.stderr.trimEnd().split("\n")) {
    assertMatch(text, /\d\d:\d\d:\d\d \S/);
  }
});

Deno.test("command line: a reader that goes ends a watch", async () => {
  await using s = await serve([["/lain/config/a", "1"]]);
  await using pipe = new Program("bash", [
    "-c",
    `set -o pipefail; "$0" watch configwatcher "$1" | head -1`,
    LAINLET,
    s.addr,
  ]);
  await eventually("there is a state", () => pipe.stdout || undefined);
  const end = pipe.ended();
  let hasEnded = false;
  end.then(() => hasEnded = true);
  // It notices when it has something to say after that.
  await eventually("it has ended", () => {
    s.store.put("/lain/config/a", crypto.randomUUID());
    return hasEnded || undefined;
  });
  assertEquals([(await end).code, pipe.stdout], [0, '{"a":"1"}\n']);
});

Deno.test("command line: get in a terminal is aligned, coloured, and harmless", async () => {
  await using s = await serve([
    ["/lain/config/a", "one"],
    ["/lain/config/longer", '{"x":[1,2]}'],
    ["/lain/config/evil", "\x1b[2J\x1b]0;title\x07\u202egnp"],
    ["/lain/config/例子", ""],
  ]);
  await using program = inTerminal("get", "configwatcher", s.addr);
  assertEquals((await program.ended()).code, 0);
  assertEquals(
    shown(program),
    [
      "a       one",
      "evil    \\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{202e}gnp",
      'longer  {"x":[1,2]}',
      '例子    ""',
      "",
    ].join("\n"),
  );
  // deno-lint-ignore no-control-regex
  assertMatch(program.stdout, /\x1b\[36ma\x1b\[39m {7}/);
});

Deno.test("command line: get in a terminal makes tables of lists", async () => {
  const instances = ["192.0.2.2", "", "192.0.2.33"].map((ip) => ({
    node: { name: "n", ip: "192.0.2.1" },
    ip,
  }));
  const group = { app: "a", proc: "web.web", instances };
  await using s = await serve([[groupKey(group), groupValue(group)]]);
  await using program = inTerminal("get", "proxywatcher", s.addr);
  await program.ended();
  assertEquals(
    shown(program),
    [
      "a.web.web",
      "  containers",
      "    container_ip  container_port",
      "    192.0.2.2     8080",
      '    ""            8080',
      "    192.0.2.33    8080",
      "",
    ].join("\n"),
  );
});

Deno.test("command line: watch in a terminal shows what changes, with the time, and gaps", async () => {
  const key = groupKey(groupAt(""));
  await using s = await serve([[key, groupValue(groupAt("192.0.2.2"))]]);
  await using watch = inTerminal("watch", "proxywatcher", s.addr);
  const shows = (text: string) =>
    eventually(text, () => shown(watch).includes(text) || undefined);
  await shows("192.0.2.2     8080");
  s.store.put(key, groupValue(groupAt("192.0.2.3")));
  await shows(
    "~ a.web.web  containers[0].container_ip  192.0.2.2 → 192.0.2.3\n",
  );
  assertMatch(shown(watch), /^\d\d:\d\d:\d\d init\n/);
  assertMatch(shown(watch), /\n\d\d:\d\d:\d\d update\n~ /);
  s.proxy.fault = "cut";
  await eventually(
    "that is told",
    () => shown(watch).split("→ 192.0.2.3\n")[1] || undefined,
  );
  s.store.delete(key);
  s.proxy.fault = "none";
  await shows("there was a gap");
  await shows("- a.web.web");
  watch.signal("SIGTERM");
});

Deno.test("command line: status tells people and programs, and the exit code whether all is well", async () => {
  await using s = await serve([
    ["/lain/config/a", "1"],
    ["/lain/nodes/nodes/bad:192.0.2.1:22", "not JSON"],
  ]);
  const { code, stdout } = await run("status", s.addr);
  const { version, ready, reason, debug } = JSON.parse(stdout);
  assertEquals([code, ready, reason], [0, true, ""]);
  assertEquals(version, (await get(`${s.lainlet.url}/version`)).body);
  assertEquals(debug.watchers.config.TotalKeys, 1);
  await using program = inTerminal("status", s.addr);
  assertEquals((await program.ended()).code, 0);
  assertMatch(
    shown(program),
    /^in step with the store\nlainlet \S+ at http:\S+\n/,
  );
  assertMatch(shown(program), /\n {2}config +1 +0 +0 +0 +init/);
  assertMatch(shown(program), /\n {2}rejected \S*bad:192.0.2.1:22\n/);

  // One that never read its etcd.
  const port = freePort();
  await using other = new Program(LAINLET, [
    `--web=127.0.0.1:${port}`,
    `--etcd=127.0.0.1:${freePort()}`,
  ]);
  const status = await eventually("it serves", async () => {
    const result = await run("status", `--addr=:${port}`);
    return result.stdout === "" ? undefined : result;
  });
  assertEquals(status.code, 1);
  const { ready: isReady, reason: why } = JSON.parse(status.stdout);
  assertEquals(isReady, false);
  assertMatch(why, /not read yet/);
  other.signal("SIGTERM");
});

Deno.test("command line: what is wrong is one line, with 2 for the command and 1 for the answer", async () => {
  const group = groupAt("192.0.2.2", "shop");
  await using s = await serve([[groupKey(group), groupValue(group)]]);
  const nobody = freePort();
  const cases: [code: number, line: RegExp, ...args: string[]][] = [
    [2, /^lainlet: what to get\? lainlet get --help lists it/, "get"],
    [
      2,
      /^lainlet: there is nothing to get that is called "zebra" /,
      "get",
      "zebra",
    ],
    // That is a stream, of views that are watched by themselves here.
    [2, /there is nothing to get that is called "watch"/, "get", "watch"],
    [2, /"proxy"; did you mean proxywatcher\? \(/, "get", "proxy"],
    [2, /"proxywacher"; did you mean proxywatcher\? /, "get", "proxywacher"],
    [
      2,
      /^lainlet: unexpected argument "stauts"; did you mean status\? /,
      "stauts",
    ],
    [2, /unexpected argument "n1"; is it lainlet find n1\? /, "nodes", "n1"],
    [
      2,
      /^lainlet: unknown flag --troubel; did you mean --trouble\? /,
      "pods",
      "--troubel",
    ],
    [
      2,
      /^lainlet: --output must be .*"yml"; did you mean yaml\? /,
      "pods",
      "-o",
      "yml",
    ],
    [2, /^lainlet: what to find\? /, "find"],
    [
      1,
      /^lainlet: .* called "shpo"; did you mean shop\?/,
      "pods",
      "shpo",
      s.addr,
    ],
    [
      2,
      /^lainlet: there is nothing to watch that is called "debug"/,
      "watch",
      "debug",
    ],
    [
      2,
      /^lainlet: nodes has no parameter appname/,
      "get",
      "nodes",
      "--appname=a",
    ],
    [2, /^lainlet: unknown flag --nope/, "get", "nodes", "--nope"],
    [2, /^lainlet: unexpected argument "more"/, "get", "nodes", "more"],
    [2, /^lainlet: --addr must be an address/, "status", "--addr=http://a/b"],
    [2, /^lainlet: completions are for bash, zsh, fish/, "completions", "sh"],
    [1, /^lainlet: --appname is required/, "get", "procwatcher", s.addr],
    [1, /^lainlet: --appname is required/, "watch", "procwatcher", s.addr],
    [
      1,
      /^lainlet: no lainlet answers at http:\/\/127/,
      "get",
      "nodes",
      `--addr=:${nobody}`,
    ],
    [
      1,
      /^lainlet: no lainlet answers at http:\/\/127/,
      "status",
      `--addr=:${nobody}`,
    ],
  ];
  for (const [code, line, ...args] of cases) {
    const result = await run(...args);
    assertMatch(result.stderr, line);
    assertMatch(result.stderr, /^[^\n]*\n$/);
    assertEquals([result.code, result.stdout], [code, ""]);
  }
  for (const word of ["get", "find"] as const) {
    const { code, stdout } = await run(word, "--help");
    assertEquals(code, 0);
    assertEquals(stdout, `${await commandHelp(word)}\n`);
  }
});

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
