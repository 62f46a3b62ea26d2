import { assert, assertEquals, assertMatch } from "@std/assert";
import { Range } from "etcd3";
import { HELP } from "../../lib/cli/help.ts";
import { get, Stream } from "../util/client.ts";
import { makeCertificates } from "../util/certificates.ts";
import { TestEtcd } from "../util/etcd.ts";
import {
  cluster,
  CLUSTER_FILE,
  comparable,
  expectations,
} from "../util/golden.ts";
import { GOLDEN_HOST } from "../util/lainlet.ts";
import { LainletProcess, TARGETS } from "../util/lainlet_process.ts";
import { eventually, freePort, Program } from "../util/process.ts";

const HOST = ["--ip", GOLDEN_HOST.ip, "-hostname", GOLDEN_HOST.hostname];
const MEMORY = [`--store=memory:${CLUSTER_FILE}`, ...HOST];

for (const target of ["source", "binary"] as const) {
  const start = (...args: string[]) => LainletProcess.start(target, args);
  Deno.test(`${target}: golden answers and a watch, from a real etcd`, async () => {
    await using etcd = await TestEtcd.start();
    await etcd.load(cluster);
    await using lainlet = await start("-etcd", etcd.endpoint, ...HOST);
    for (const { from, path, status, body } of expectations) {
      const answer = await get(lainlet.url + path, from);
      assertEquals([path, answer.status], [path, status]);
      if (status === 200) {
        assertEquals(
          comparable(path, JSON.parse(answer.body)),
          comparable(path, body),
          path,
        );
      }
    }
    await using stream = await Stream.open(
      `${lainlet.url}/v2/configwatcher?target=domain&watch=1`,
      "127.20.0.12",
    );
    assertEquals(await stream.next(), {
      id: "1",
      event: "init",
      data: { domain: "lain.local" },
    });
    await etcd.write({ "/lain/config/domain": "lain.example" });
    assertEquals(await stream.next(), {
      id: "2",
      event: "update",
      data: { domain: "lain.example" },
    });
    await etcd.write({ "/lain/config/domain": null });
    assertEquals(await stream.next(), { id: "3", event: "delete", data: {} });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.test(`${target}: ${signal} ends the streams and the process, with 0`, async () => {
      await using lainlet = await start(...MEMORY);
      await using stream = await Stream.open(`${lainlet.url}/v2/nodes?watch=1`);
      await stream.next();
      const stalled = await Deno.connect({
        hostname: "127.0.0.1",
        port: Number(new URL(lainlet.url).port),
      });
      await stalled.write(
        new TextEncoder().encode(
          "GET /v2/coreinfowatcher?watch=1&heartbeat=1 HTTP/1.1\r\nHost: x\r\n\r\n",
        ),
      );
      lainlet.program.signal(signal);
      const late = setTimeout(() => lainlet.program.signal("SIGKILL"), 5_000);
      assertEquals(await stream.next(), undefined);
      const { code } = await lainlet.program.ended();
      clearTimeout(late);
      stalled.close();
      assertEquals(code, 0);
    });
  }

  Deno.test(`${target}: a SIGHUP without API files ends nothing`, async () => {
    await using lainlet = await start(...MEMORY);
    await using stream = await Stream.open(
      `${lainlet.url}/v2/nodes?watch=1&heartbeat=1`,
    );
    await stream.next();
    lainlet.program.signal("SIGHUP");
    await eventually(
      "it is logged",
      () => lainlet.program.stderr.includes("no API files") || undefined,
    );
    assertEquals((await stream.next())?.event, "heartbeat");
  });

  Deno.test(`${target}: without etcd it says so, and serves as soon as etcd is there`, async () => {
    await using etcd = await TestEtcd.start();
    await etcd.write({ "/lain/config/a": "1" });
    await etcd.kill();
    const port = freePort();
    const [command, ...first] = TARGETS[target];
    await using program = new Program(command, [
      ...first,
      "--web",
      `127.0.0.1:${port}`,
    ], {
      LAINLET_ETCD: etcd.endpoint,
    });
    const url = `http://127.0.0.1:${port}`;
    const readyz = await eventually("it says why", async () => {
      const answer = await get(`${url}/readyz`);
      return answer.body.includes("ECONNREFUSED") ? answer : undefined;
    });
    assertEquals(readyz.status, 503);
    assertEquals((await get(`${url}/v2/nodes`)).status, 503);
    assertEquals((await get(`${url}/healthz`)).status, 200);
    await eventually(
      "it is logged",
      () =>
        /level=warning .*etcd is not usable/.test(program.stderr) || undefined,
    );
    await etcd.launch();
    await eventually(
      "it is ready",
      async () =>
        (await get(`${url}/readyz`)).status === 200 ? true : undefined,
    );
    assertEquals((await get(`${url}/v2/nodes`)).body, "{}");
  });
}

// From source this is the same code, with a runtime that is newer: the binary shows it.

const run = async (args: string[]) => {
  const [command] = TARGETS.binary;
  await using program = new Program(command, args);
  const { code } = await program.ended();
  return { code, stdout: program.stdout, stderr: program.stderr };
};

Deno.test("binary: help and version go to stdout, with 0", async () => {
  assertEquals(await run(["--help"]), {
    code: 0,
    stdout: `${HELP}\n`,
    stderr: "",
  });
  assertEquals(await run(["-version"]), {
    code: 0,
    stdout: "3.0.0\n",
    stderr: "",
  });
});

Deno.test("binary: files of other users in /tmp are not read, not even as a cache of compiled code", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  try {
    const [command] = TARGETS.binary;
    // A process that opened this pipe, which has no writer, would wait.
    await using program = new Program("bash", [
      "-c",
      `mkfifo "$TMPDIR/deno-compile-lainlet.cache" && timeout 20 "$0" --version`,
      command,
    ], { TMPDIR: folder });
    assertEquals((await program.ended()).code, 0, program.stderr);
    assertEquals(program.stdout, "3.0.0\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("binary: a wrong use is one line on stderr, with 2", async () => {
  const wrong = [
    ["--nosuch"],
    ["--web", "nowhere"],
    ["--store", "memory:/no/such/file"],
    ["--etcd.ca", "/no/such/file"],
    ["--etcd.ca", CLUSTER_FILE],
  ];
  for (const args of wrong) {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, /^lainlet: .+ \(see lainlet --help\)\n$/);
  }
});

Deno.test("binary: the exit code tells of an error when stderr takes nothing, too", async () => {
  for (
    const [code, word] of [[2, "nosuch"], [1, "status --addr 127.0.0.1:1"]]
  ) {
    const line = `${TARGETS.binary} ${word} 2>/dev/full`;
    await using program = new Program("bash", ["-c", line]);
    assertEquals((await program.ended()).code, code);
  }
});

Deno.test("binary: a store file that is no store is one line, with 2", async () => {
  const file = await Deno.makeTempFile();
  for (const text of ["{", "[]", '{"/lain/config/a": 1}', "\ufeff{}"]) {
    await Deno.writeTextFile(file, text);
    const { code, stderr } = await run(["--store", `memory:${file}`]);
    assertEquals(code, 2);
    assertMatch(stderr, /^lainlet: --store: .+\n$/);
  }
  await Deno.remove(file);
});

Deno.test("binary: a port in use is one line on stderr, with 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const web = `127.0.0.1:${taken.addr.port}`;
  const { code, stderr } = await run([...MEMORY, "--web", web]);
  assertEquals(code, 1);
  assertMatch(stderr, new RegExp(`^lainlet: cannot listen on ${web}: .+\n$`));
});

Deno.test("binary: the log is a line per event, as logfmt or JSON", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(
    file,
    '{"/lain/nodes/nodes/n:1:22": "secret text"}',
  );
  const line = async (...args: string[]) => {
    await using lainlet = await LainletProcess.start("binary", [
      `--store=memory:${file}`,
      ...args,
    ]);
    return await eventually(
      "the bad value is logged",
      () =>
        lainlet.program.stderr.split("\n").find((line) =>
          line.includes("nodes/n:1:22")
        ),
    );
  };
  const logfmt = await line();
  assertMatch(
    logfmt,
    /^time=\S+ level=error .*key=\/lain\/nodes\/nodes\/n:1:22 revision=1/,
  );
  const json = JSON.parse(await line("--log.format", "json"));
  assertEquals([json.level, json.key], ["ERROR", "/lain/nodes/nodes/n:1:22"]);
  assert(!logfmt.includes("secret text"), logfmt);
  await Deno.remove(file);
});

Deno.test("binary: callers by IPv6 and by IPv4-mapped addresses", async () => {
  await using lainlet = await LainletProcess.start("binary", MEMORY);
  const port = new URL(lainlet.url).port;
  assertEquals(
    (await get(`http://[::1]:${port}/v2/nodes`, "::1")).status,
    200,
  );
  assertEquals(
    (await get(`${lainlet.url}/v2/nodes`, "127.20.0.12")).status,
    403,
  );
  assertEquals(
    (await get(`${lainlet.url}/v2/proxywatcher`, "127.20.0.12")).status,
    200,
  );
});

Deno.test("binary: connections to etcd do not hang, at the first frame or later", async () => {
  await using etcd = await TestEtcd.start();
  const value = "x".repeat(1_000_000);
  await etcd.write({ "/lain/config/large": value });
  for (let i = 0; i < 10; i++) {
    await using lainlet = await LainletProcess.start("binary", [
      "--etcd",
      etcd.endpoint,
    ]);
    await using stream = await Stream.open(
      `${lainlet.url}/v2/configwatcher?watch=1`,
    );
    await stream.next();
    await etcd.write({ "/lain/config/large": value + i });
    assertEquals((await stream.next())?.data, { large: value + i });
    assert(
      !lainlet.program.stderr.includes("not usable"),
      lainlet.program.stderr,
    );
  }
});

Deno.test("source: TLS and a login to etcd, by flags", async () => {
  await using tls = await makeCertificates();
  await using etcd = await TestEtcd.start({ tls });
  await etcd.write({ "/lain/config/domain": "x" });
  const { client } = etcd;
  const reader = await client.role("reader").create();
  await reader.grant({ permission: "Read", range: Range.prefix("/lain/") });
  await (await client.user("agent").create("secret")).addRole("reader");
  await (await client.user("root").create("root")).addRole("root");
  await client.auth.authEnable();
  const files = [
    `--etcd.ca=${tls.ca}`,
    `--etcd.cert=${tls.cert}`,
    `--etcd.key=${tls.key}`,
  ];
  await using lainlet = await LainletProcess.start(
    "source",
    ["-etcd", etcd.endpoint, ...files],
    { env: { LAINLET_ETCD_USER: "agent:secret" } },
  );
  const { body } = await get(`${lainlet.url}/v2/configwatcher`);
  assertEquals(body, '{"domain":"x"}');
  const debug = (await get(`${lainlet.url}/debug`)).body;
  for (const text of [debug, lainlet.program.stderr]) {
    assert(!text.includes("secret"), text);
  }
});

Deno.test("a stream that carries nothing for 30 s gets a comment", async () => {
  await Promise.all((["source", "binary"] as const).map(async (target) => {
    await using lainlet = await LainletProcess.start(target, MEMORY);
    const { body } = await fetch(`${lainlet.url}/v2/nodes?watch=1&name=none`);
    let text = "";
    for await (
      const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []
    ) {
      text += chunk;
      if (text.endsWith(":\n")) break;
    }
    assertEquals(text, "id: 1\nevent: init\ndata: {}\n\n:\n");
  }));
});

Deno.test("the binary built for an older runtime says that it has no TLS to etcd", async () => {
  const [command] = TARGETS.binary;
  await using program = new Program(command, [
    "--etcd",
    "https://127.0.0.1:1",
    "--web",
    "127.0.0.1:0",
  ]);
  const told = await eventually(
    "it says so, or tries",
    () => /.*(HTTP\/2 over TLS|not usable).*\n/.exec(program.stderr)?.[0],
  );
  if (told.includes("not usable")) return; // A runtime that has it.
  assertEquals((await program.ended()).code, 2);
  assertMatch(
    program.stderr,
    /^lainlet: Deno \S+, which this lainlet was compiled with, .+\n$/,
  );
});
