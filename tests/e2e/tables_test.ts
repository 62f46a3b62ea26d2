/**
 * The command line's tables, of a large cluster: in terminals, and in pipes.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { LARGE, largeCluster } from "../fixtures/large_cluster.ts";
import { groupAt } from "../util/example.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { TARGETS } from "../util/lainlet_process.ts";
import { eventually, Program } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const [LAINLET] = TARGETS.binary;

async function serve() {
  const store = new MemoryStore(largeCluster(Date.now()));
  const lainlet = await new TestLainlet(store).ready();
  return {
    store,
    env: { LAINLET_ADDR: lainlet.url },
    [Symbol.asyncDispose]: () => lainlet[Symbol.asyncDispose](),
  };
}

type Served = Awaited<ReturnType<typeof serve>>;

/** Runs a command in a pipe. */
async function piped({ env }: Served, line: string) {
  await using program = new Program(LAINLET, line.split(" "), env);
  const { code } = await program.ended();
  const { stdout, stderr } = program;
  return { code, stdout, stderr, lines: stdout.trimEnd().split("\n") };
}

/** Starts a command in a separate terminal. */
function inTerminal(
  { env }: Served,
  line: string,
  { columns = 80, rows = 24, colours = true } = {},
): Program {
  const size = `stty cols ${columns} rows ${rows}`;
  const start = colours ? "env -u NO_COLOR" : "env NO_COLOR=1";
  // Its first line is the process that signals are for: script keeps its own.
  const script = `${size}; echo $$; exec ${start} "${LAINLET}" ${line}`;
  return new Program("script", ["-qec", script, "/dev/null"], env);
}

// deno-lint-ignore no-control-regex
const CONTROL = /\x1b\[[?\d;]*[A-Za-z]/g;

/** What a terminal shows of a command that ends. */
async function shown(...args: Parameters<typeof inTerminal>) {
  await using program = inTerminal(...args);
  await program.ended();
  return program.stdout.trimEnd().split("\r\n").slice(1);
}

Deno.test("tables: an operator's questions, each by one command", async (t) => {
  await using s = await serve();
  const { crowded, short } = LARGE;
  const found = (lines: string[], start: string) =>
    lines.find((line) => line.startsWith(start)) ?? "";

  await t.step("where is my app", async () => {
    const { code, stderr, lines } = await piped(s, "pods shop");
    assertEquals([code, stderr, lines.length], [0, "", 25]);
    assertMatch(lines[0] ?? "", /^POD +NODE +ADDRESS +STATUS +RESTARTS /);
    // As people count.
    assertEquals(
      lines.slice(1).map((line) => line.split(/\s/)[0]),
      Array.from({ length: 24 }, (_, i) => `shop.web.web/${i + 1}`),
    );
    assertMatch(lines[3] ?? "", /^\S+ +node\d+ +172\.20\.0\.\d+:8080 /);
    const { lines: names } = await piped(s, "find SHOP -o name");
    assertEquals(names.slice(0, 2), ["app/shop", "pod/shop.web.web/1"]);
    for (
      const words of [
        "invoices.worker.pdf 1",
        "invoices.worker.pdf/1",
        "172.20.0.46:8080",
        "invoices.pdf.1",
      ]
    ) {
      const { lines } = await piped(s, `find ${words} -o name`);
      assertEquals([words, ...lines], [words, "pod/invoices.worker.pdf/1"]);
    }
    const { lines: url } = await piped(s, "find https://shop.lain.example/");
    assertMatch(url[1] ?? "", /^group +shop\.web\.web +/);
    const { code: none, stderr: why } = await piped(s, "find invocies");
    assertEquals([none, why.trim()], [
      1,
      'lainlet: not found: "invocies"; did you mean invoices?',
    ]);
  });

  await t.step("which pods have no address, or a problem", async () => {
    const { lines } = await piped(s, "pods --trouble");
    const lost = LARGE.withoutAddress - LARGE.stopped;
    const without = lines.filter((line) => line.includes("no address"));
    assertEquals(without.length, lost);
    // The worst and newest comes first.
    assertMatch(
      lines[1] ?? "",
      /^invoices.worker.pdf\/1 .* killed for memory \S+ \S+ ago, failed for .* 417 /,
    );
    const { lines: sorted } = await piped(
      s,
      "pods --trouble --sort=-address -o name",
    );
    assertEquals(
      sorted.slice(-lost),
      without.map((line) => line.split(" ")[0]),
    );
    const { lines: apps } = await piped(s, "apps --trouble");
    assertMatch(found(apps, short.app), / 3\/12 .* 9 too few/);
    assertEquals(found(apps, "shop "), "");
  });

  await t.step("what runs on a node", async () => {
    const { lines } = await piped(s, "pods --node node17 -oname");
    assertEquals(lines.length, 50);
    const { lines: own } = await piped(s, "pods shop --node node31");
    assertEquals(own.map((line) => line.split(/\s+/)[1]), ["NODE", "node31"]);
    const { code, stderr } = await piped(s, "pods --node nod17");
    assertEquals([code, stderr], [
      1,
      'lainlet: not found: "nod17"; did you mean node17?\n',
    ]);
    const none = await piped(s, "pods shop --node node17");
    assertEquals([none.code, none.stderr], [0, "no pods of shop on node17\n"]);
    for (const name of ["node17", "192.0.2.17"]) {
      const { lines } = await piped(s, `nodes ${name}`);
      assertEquals(lines.map((line) => line.split(/\s+/)[0]), [
        "NODE",
        "node17",
      ]);
    }
    const unknown = await piped(s, "nodes nod17");
    assertEquals([unknown.code, unknown.stderr], [1, stderr]);
  });

  await t.step("which node is overcommitted", async () => {
    const { stdout } = await piped(s, "nodes -o json");
    const nodes: { node: string; memory: object }[] = JSON.parse(stdout);
    assertEquals(
      nodes.map(({ node }) => node),
      Array.from({ length: LARGE.nodes }, (_, i) => `node${i + 1}`),
    );
    const node = nodes.find(({ node }) => node === crowded.node);
    assertEquals(node?.memory, {
      limits: crowded.limits * 2 ** 30,
      unlimited: 0,
      capacity: crowded.mem * 2 ** 30,
    });
    const { lines } = await piped(s, "nodes --trouble");
    assertMatch(
      found(lines, crowded.node),
      /151 of 8 GB +1888% +50 CPU +memory overcommitted for at least \d+ s$/,
    );
    assertEquals(lines.length, 2);
  });

  await t.step("what changed in five minutes", async () => {
    assertMatch(
      (await piped(s, "changes --since 1h")).stderr,
      /^no changes since \d\d:\d\d:\d\d, when the history starts\n$/,
    );
    const unknown = await piped(s, "changes shpo");
    assertEquals([unknown.code, unknown.stderr], [
      1,
      'lainlet: not found: "shpo"; did you mean shop?\n',
    ]);
    await using log = new Program(LAINLET, ["changes", "-f"], s.env);
    const shows = (text: RegExp) =>
      eventually(`${text}`, () => log.stdout.match(text) ?? undefined);
    await shows(/^TIME \(\S+\) +KIND +WHAT\n/);
    s.store.put("/lain/config/motd", "welcome");
    await shows(/\n\d\d:\d\d:\d\d +config +motd: set to "welcome"\n/);
    s.store.put("/lain/config/ssl", LARGE.secret);
    await shows(/ config +ssl: /);
    const { stdout, stderr } = await piped(s, "changes --since 1h -o json");
    assertMatch(stderr, /^the history starts at \d\d:\d\d:\d\d\n$/);
    assertEquals(
      JSON.parse(stdout).map(({ name }: { name: string }) => name),
      ["motd", "ssl"],
    );
    assertEquals((stdout + log.stdout).includes(LARGE.secret), false);
  });

  await t.step("which listeners are behind", async () => {
    await using watch = new Program(LAINLET, ["nodes", "-w"], s.env);
    await eventually("it listens", () => watch.stdout || undefined);
    const { lines } = await piped(s, "listeners");
    assertMatch(
      lines.find((line) => line.includes("overview")) ?? "",
      /^127\.0\.0\.1 .* no$/,
    );
    const { stderr } = await piped(s, "listeners --trouble");
    assertEquals(stderr, "no problems\n");
  });

  await t.step("whose is this address", async () => {
    const { stdout } = await piped(s, "find 172.20.0.22 -o json");
    const [{ kind, name, ...rest }, ...more] = JSON.parse(stdout);
    assertEquals([kind, name, more], ["pod", "shop.web.web/1", []]);
    assertEquals(rest.address, "172.20.0.22:8080");
    const { lines: there } = await piped(s, "find node17 -o name");
    assertEquals(there[0], "node/node17");
    assertEquals(there.filter((name) => name.startsWith("pod/")).length, 50);
    const { code, stderr } = await piped(s, "find 192.0.2.250");
    assertEquals(code, 1);
    assertMatch(stderr, /^lainlet: not found: "192.0.2.250"\n$/);
  });

  await t.step("as YAML, and in no colour in a pipe", async () => {
    const { stdout } = await piped(s, "config domain -o yaml");
    assertEquals(stdout, "- name: domain\n  value: lain.example\n");
    for (const command of ["apps", "nodes", "pods shop"]) {
      assertEquals((await piped(s, command)).stdout.match(CONTROL), null);
    }
  });
});

Deno.test("tables: they fit the terminal, and it sees no secret", async () => {
  await using s = await serve();
  const { longName, secret } = LARGE;
  const name = `/lain/config/${"a/name/of/some/length/".repeat(5)}`;
  s.store.put(name, "a text of some length ".repeat(9));
  const commands = [
    "apps",
    "pods",
    "pods -o wide",
    "nodes",
    "config",
    "find northern",
    "changes --since 1h",
    "status",
  ];
  for (const command of commands) {
    for (const columns of [80, 160]) {
      const lines = await shown(s, command, { columns });
      const plain = lines.map((line) => line.replace(CONTROL, ""));
      assertEquals(plain.filter((line) => line.length > columns), []);
      assert(lines.length > 2 && lines[0] !== plain[0], command);
      // One very long name does not remove columns of other rows.
      const isWhole = plain.some((line) => line.includes(longName));
      if (command === "pods") {
        assertEquals([columns, isWhole], [columns, false]);
      }
      if (command === "find northern") assertEquals(isWhole, columns === 160);
    }
    const plain = await shown(s, command, { colours: false });
    assertEquals(plain.join("\n").match(CONTROL), null);
  }
  const group = groupAt("192.0.2.2", "shop");
  const env = [`DB_PASSWORD=${secret}`];
  s.store.put(groupKey(group), groupValue(group));
  s.store.put(groupKey(group), groupValue({ ...group, env }));
  for (
    const [command, isTold] of [
      ["changes shop -o json", false],
      ["changes shop -o yaml", false],
      ["changes shop -o json --show-secrets", true],
      ["get changes --app shop", false],
      ["get coreinfowatcher --appname shop", false],
      ["get coreinfowatcher --appname shop --show-secrets", true],
      ["config", false],
      ["config -o yaml", false],
      ["get configwatcher", false],
      ["config --show-secrets", true],
    ] as const
  ) {
    const text = (await shown(s, command)).join("\n");
    assertEquals(text.includes(secret), isTold, command);
    assertEquals(text.includes("(secret)"), !isTold, command);
  }
  for (const command of ["config", "changes shop -o json"]) {
    assert((await piped(s, command)).stdout.includes(secret), command);
  }
});

Deno.test("tables: --watch keeps one current in a terminal, and prints changed rows in a pipe", async () => {
  await using s = await serve();
  const added = { name: "node61", ip: "192.0.2.61" };
  await using pipe = new Program(LAINLET, ["nodes", "-w"], s.env);
  await using names = new Program(LAINLET, ["nodes", "-w", "-o=name"], s.env);
  await using screen = inTerminal(s, "nodes -f", { rows: 70 });
  await using small = inTerminal(s, "nodes -f", { rows: 10 });
  const all = [pipe, names, screen, small];
  const seen = (text: string | RegExp, programs = all) =>
    eventually(
      `all show ${text}`,
      () => programs.every(({ stdout }) => stdout.match(text)) || undefined,
    );
  await seen("node60", [pipe, names, screen]);
  await seen("53 more", [small]);
  s.store.put(nodeKey(added), nodeValue(added, 4, 1));
  await seen("node61", [pipe, names, screen]);
  await seen("54 more", [small]);
  const lines = () => pipe.stdout.trimEnd().split("\n");
  assertEquals(lines().length, 1 + LARGE.nodes + 1);
  assertMatch(lines()[0] ?? "", /^TIME \(\S+\) +EVENT +NODE +ADDRESS /);
  assertMatch(lines()[1] ?? "", /^\d\d:\d\d:\d\d +init +node1 /);
  assertMatch(
    lines().at(-1) ?? "",
    /^\d\d:\d\d:\d\d +added +node61 .* 0 of 4 /,
  );
  assertEquals(names.stdout.trimEnd().split("\n").length, LARGE.nodes + 1);
  s.store.delete(nodeKey(added));
  await seen(/ removed +node61 /, [pipe]);
  // It leaves the terminal as it was.
  const pid = String(parseInt(screen.stdout));
  await new Deno.Command("bash", { args: ["-c", "kill -INT $0", pid] })
    .output();
  assertEquals((await screen.ended()).code, 130);
  const [, drawn = ""] = screen.stdout.split("\r\n\x1b[?1049h\x1b[?25l");
  assert(drawn.endsWith("\x1b[?25h\x1b[?1049l"));
});

Deno.test("tables: --watch keeps its rows in a terminal while lainlet is unreachable, and continues", async () => {
  await using s = await serve();
  await using way = new Proxy(s.env.LAINLET_ADDR);
  const env = { LAINLET_ADDR: way.url };
  await using screen = inTerminal({ ...s, env }, "nodes -w", { rows: 70 });
  const seen = (what: string, isSo: (lines: string[]) => boolean) =>
    eventually(what, () => isSo(lastOf(screen)) || undefined);
  const title = "lainlet nodes ";
  const has = (node: string) => (lines: string[]) =>
    lines.some((line) => line.startsWith(`${node} `));
  await seen(
    "the nodes",
    (lines) => lines[0]?.startsWith(title) === true && has("node60")(lines),
  );
  way.fault = "cut";
  await seen(
    "why it goes no further, and what it knew",
    (lines) => /^[\d:]+ \S/.test(lines[0] ?? "") && has("node60")(lines),
  );
  // It is redrawn meanwhile.
  const at = (): string => lastOf(screen)[0]?.split(" ")[0] ?? "";
  const before = await eventually("it has a time", () => at() || undefined);
  await eventually(
    "the time goes on",
    () => ![before, ""].includes(at()) || undefined,
  );
  const added = { name: "node61", ip: "192.0.2.61" };
  s.store.put(nodeKey(added), nodeValue(added, 4, 1));
  way.fault = "none";
  await seen(
    "what changed meanwhile",
    (lines) => lines[0]?.startsWith(title) === true && has("node61")(lines),
  );
});

/** The lines of a redrawn terminal: those after the last move to its first line. */
function lastOf({ stdout }: Program): string[] {
  const drawn = stdout.split("\x1b[H").at(-1) ?? "";
  // One that is not whole is not looked at.
  if (!drawn.endsWith("\x1b[J")) return [];
  return drawn.replace(CONTROL, "").split("\r\n");
}
