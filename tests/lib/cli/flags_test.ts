import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import config from "../../../deno.json" with { type: "json" };
import {
  type Environment,
  FLAGS,
  type Flags,
  parseFlags,
} from "../../../lib/cli/flags.ts";
import { CLIENT_FLAGS } from "../../../lib/cli/commands.ts";
import { HELP } from "../../../lib/cli/help.ts";
import { UsageError } from "../../../lib/flags.ts";
import { storeFlagValue, STORES } from "../../../lib/store/stores.ts";

const SYSTEM = environment({});

function environment(
  variables: Record<string, string>,
  cores = 4,
): Environment {
  return {
    cores,
    hostname: () => "here",
    variable: (name) => variables[name],
  };
}

function flags(args: string[], environment = SYSTEM): Flags {
  const flags = parseFlags(args, environment);
  if (typeof flags === "string") throw new Error(flags);
  return flags;
}

/** Flags without the function that opens the store, which is a new one each time. */
function plain(args: string[]) {
  const { store: { kind, endpoints }, ...others } = flags(args);
  return { ...others, store: { kind, endpoints } };
}

/** The store and its endpoints. */
function storeOf(args: string[], variables: Record<string, string> = {}) {
  const { kind, endpoints } = flags(args, environment(variables)).store;
  return [kind, ...endpoints];
}

Deno.test("flags: the defaults", () => {
  assertEquals(plain([]), {
    web: { hostname: "", port: 9001 },
    webHosts: ["lainlet.lain"],
    grpc: undefined,
    ip: "",
    hostname: "here",
    store: { kind: "etcd", endpoints: ["http://127.0.0.1:2379"] },
    state: undefined,
    staleAfter: 30_000,
    verifyEvery: 600_000,
    workers: 2,
    limits: { listeners: 20_000, listenersPerAddress: 1_000 },
    slowAfter: 60_000,
    noauth: false,
    apis: undefined,
    debug: false,
    logFormat: "logfmt",
  });
});

Deno.test("flags: gRPC, and HTTP that is switched off", () => {
  const grpc = { hostname: "", port: 9000 };
  assertEquals(flags(["-grpc.addr=:9000"]).grpc, grpc);
  const tls = ["--grpc.TLS", "--grpc.cert=c.pem", "-grpc.key", "k.pem"];
  assertEquals(flags(["-grpc.addr=:9000", ...tls]).grpc, {
    ...grpc,
    tls: { cert: "c.pem", key: "k.pem" },
  });
  // Certificates without the switch are not used.
  assertEquals(flags(["-grpc.addr=:9000", ...tls, "-grpc.TLS=0"]).grpc, grpc);
  for (const blank of [["-web="], ["--web", ""]]) {
    assertEquals(flags([...blank, "-grpc.addr=:9000"]).web, undefined);
    assertEquals(flags(blank).web?.port, 9001);
  }
  assertEquals(flags(["-grpc.addr="]).grpc, undefined);
  assertThrows(
    () => flags(["-grpc.addr=:9000", "-grpc.TLS", "-grpc.cert=c.pem"]),
    UsageError,
    "--grpc.TLS needs --grpc.cert and --grpc.key",
  );
  assertThrows(
    () => flags(["-grpc.addr=9000"]),
    UsageError,
    "--grpc.addr must be an address like :9001",
  );
});

Deno.test("flags: the command line of LAIN's unit", () => {
  const all = flags([
    "-web=:9001",
    "-grpc.addr=:9000",
    "-etcd=10.0.0.1:4001",
    "-ip=10.0.0.7",
    "-debug",
  ]);
  assertEquals(all.web?.port, 9001);
  assertEquals(all.grpc?.port, 9000);
  assertEquals(all.store.endpoints, ["http://10.0.0.1:4001"]);
  assertEquals([all.ip, all.debug], ["10.0.0.7", true]);
});

Deno.test("flags: Go's spelling and GNU's, with = and without", () => {
  for (
    const args of [["-web", ":1"], ["--web", ":1"], ["-web=:1"], ["--web=:1"]]
  ) {
    assertEquals(flags(args).web?.port, 1);
  }
  for (
    const value of ["", "=true", "=1", "=t", "=TRUE", "=T"]
  ) {
    const { noauth, debug } = flags([
      `-noauth${value}`,
      "-ip",
      "1.2.3.4",
      `--debug${value}`,
    ]);
    assertEquals([value, noauth, debug], [value, true, true]);
  }
  for (const value of ["false", "0", "f", "False", "F"]) {
    const { noauth, debug } = flags([`-noauth=${value}`, `--debug=${value}`]);
    assertEquals([value, noauth, debug], [value, false, false]);
  }
  assertEquals(flags(["-hostname", "a", "--hostname=b"]).hostname, "b");
  assertEquals(flags(["--hostname=1"]).hostname, "1");
});

Deno.test("flags: an empty value is like none", () => {
  for (const { name, value } of FLAGS) {
    if (value === undefined) continue;
    assertEquals([name, plain([`-${name}=`])], [name, plain([])]);
    assertEquals([name, plain([`--${name}`, ""])], [name, plain([])]);
  }
});

Deno.test("flags: a second thread from four cores on", () => {
  const workers = (cores: number) => flags([], environment({}, cores)).workers;
  assertEquals([1, 2, 4, 64].map(workers), [1, 1, 2, 2]);
  assertEquals(flags(["--workers=5"]).workers, 5);
});

Deno.test("flags: listen addresses", () => {
  assertEquals(flags(["-web", "127.0.0.1:80"]).web, {
    hostname: "127.0.0.1",
    port: 80,
  });
  assertEquals(flags(["-web", "[::1]:80"]).web, { hostname: "::1", port: 80 });
  assertEquals(flags(["-web.hosts", "a, b.c"]).webHosts, ["a", "b.c"]);
  assertEquals(flags(["-web", "node1:0"]).web, { hostname: "node1", port: 0 });
});

Deno.test("flags: the store and its endpoints, from the command line or the environment", () => {
  const local = "http://127.0.0.1:2379";
  const both = { LAINLET_ETCD: "e:1", LAINLET_STORE: "etcd2" };
  assertEquals(storeOf([], both), ["etcd2", "http://e:1"]);
  assertEquals(storeOf(["--etcd=f:1"], both), ["etcd2", "http://f:1"]);
  assertEquals(storeOf(["--store=etcd"], both), ["etcd", "http://e:1"]);
  const blank = { LAINLET_ETCD: "", LAINLET_STORE: "" };
  assertEquals(storeOf([], blank), ["etcd", local]);
  const memory = { LAINLET_STORE: "memory:a:b.json" };
  assertEquals(storeOf([], memory), ["memory", "a:b.json"]);
  assertEquals(storeOf(["--store=etcd2"], memory), ["etcd2", local]);
  // What is in the environment is for whichever store needs it.
  assertEquals(storeOf(["--store=memory:a"], both), ["memory", "a"]);
});

Deno.test("flags: times", () => {
  const stale = (time: string) => flags(["--stale.after", time]).staleAfter;
  assertEquals(["90", "90s", "1.5m"].map(stale), [90_000, 90_000, 90_000]);
  assertEquals(stale("1h"), 3_600_000);
  assertEquals(flags(["--verify.every=0"]).verifyEvery, 0);
});

Deno.test("flags: help and version are printed instead of running", () => {
  for (const arg of ["-h", "--help", "-help"]) {
    assertEquals(parseFlags([arg], SYSTEM), "help");
  }
  for (const arg of ["-v", "--version", "-version"]) {
    assertEquals(parseFlags([arg], SYSTEM), "version");
  }
});

Deno.test("flags: help lists every flag, in lines that fit a terminal", () => {
  for (const { name } of FLAGS) {
    assertMatch(HELP, new RegExp(`^ .*--${name}\\b`, "m"));
  }
  assertEquals(HELP.split("\n").filter((line) => line.length > 80), []);
});

Deno.test("flags: permissions allow the environment variables", () => {
  const variables = [...FLAGS, ...CLIENT_FLAGS].flatMap(({ env = [] }) => env)
    .sort();
  const allowed = (task: string) => {
    const [, names = ""] = /--allow-env=(\S+)/.exec(task) ?? [];
    return names.split(",").sort();
  };
  assertEquals(allowed(config.tasks.demo.command), variables);
  // Those of a service manager and of a terminal are set by nobody else.
  const set = ["NOTIFY_SOCKET", "TERM", "WATCHDOG_PID", "WATCHDOG_USEC"];
  assertEquals(
    allowed(config.tasks.start.command),
    [...variables, ...set].sort(),
  );
  for (const name of variables) {
    assertMatch(HELP, new RegExp(`\\$${name}\\b`));
  }
});

Deno.test("flags: each wrong use has its own line", () => {
  const terms = STORES.map(storeFlagValue);
  const stores = `--store must be ${terms.slice(0, -1).join(", ")} or ${
    terms.at(-1)
  }`;
  const wrong: [args: string[], line: string][] = [
    [["--nosuch"], "unknown flag --nosuch"],
    [["-x=1"], "unknown flag -x"],
    [["-webs", ":1"], "unknown flag -webs"],
    [["--etcd.nosuch=secret"], "unknown flag --etcd.nosuch"],
    [["serve"], 'unexpected argument "serve"'],
    [["--", "serve"], 'unexpected argument "serve"'],
    [["--web"], "--web needs a value"],
    [["--noauth="], "--noauth is a switch"],
    [["--ip", "--noauth"], "--ip needs a value"],
    [["--web", "9001"], "--web must be an address"],
    [["--web", ":70000"], "--web must be an address"],
    [["--web.hosts", "a,http://b"], "--web.hosts must be names like"],
    [["--web.hosts", "a,"], "--web.hosts must be names like"],
    [["--ip", "node1"], "--ip must be an IP address"],
    [["--store", "redis"], `${stores}, not "redis"`],
    [["--store", "memory:"], `${stores}, not "memory:"`],
    [["--store", "etcd:x"], `${stores}, not "etcd:x"`],
    [
      ["--store=memory:a", "--etcd.user=a:secret"],
      "--etcd.user is for --store=etcd, not memory:FILE",
    ],
    [["--log.format", "xml"], "--log.format must be logfmt or json"],
    [["--noauth=maybe"], "--noauth is a switch"],
    [["--etcd", "http://u:secret@a:1"], "--etcd must be endpoints"],
    [["--stale.after", "0"], "--stale.after must be a time like 30s"],
    [["--stale.after", "soon"], "--stale.after must be a time like 30s"],
    [["--stale.after", "600h"], "--stale.after must be a time like 30s"],
    [["--verify.every=-1s"], "--verify.every must be a time like 10m"],
  ];
  for (const [args, line] of wrong) {
    const error = assertThrows(() => flags(args), UsageError, line);
    assertEquals(error.message.includes("\n"), false);
    assertEquals(error.message.includes("secret"), false);
  }
});
