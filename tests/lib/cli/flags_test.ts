import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/cli/args.ts";
import {
  type Environment,
  type Flags,
  parseFlags,
  VALUES,
} from "../../../lib/cli/flags.ts";
import { HELP } from "../../../lib/cli/help.ts";

const SYSTEM: Environment = { cores: 4, hostname: () => "here" };

function flags(args: string[], environment = SYSTEM): Flags {
  const flags = parseFlags(args, environment, "1.2.3");
  if (typeof flags === "string") throw new Error(flags);
  return flags;
}

Deno.test("flags: the defaults", () => {
  assertEquals(flags([]), {
    web: { hostname: "", port: 9001 },
    webHosts: ["lainlet.lain"],
    grpc: undefined,
    etcd: ["http://127.0.0.1:2379"],
    etcdTls: undefined,
    etcdUser: undefined,
    ip: "",
    hostname: "here",
    store: { kind: "etcd" },
    staleAfter: 30_000,
    verifyEvery: 600_000,
    workers: 2,
    limits: { listeners: 20_000, listenersPerAddress: 1_000 },
    slowAfter: 60_000,
    noauth: false,
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

Deno.test("flags: the line of LAIN's own unit", () => {
  const all = flags([
    "-web=:9001",
    "-grpc.addr=:9000",
    "-etcd=10.0.0.1:4001",
    "-ip=10.0.0.7",
    "-debug",
  ]);
  assertEquals(all.web?.port, 9001);
  assertEquals(all.grpc?.port, 9000);
  assertEquals(all.etcd, ["http://10.0.0.1:4001"]);
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
  assertEquals(flags(["-etcd.user=u:p=q:r"]).etcdUser, {
    username: "u",
    password: "p=q:r",
  });
});

Deno.test("flags: those with nothing behind them are as if absent", () => {
  for (const name of VALUES) {
    assertEquals([name, flags([`-${name}=`])], [name, flags([])]);
    assertEquals([name, flags([`--${name}`, ""])], [name, flags([])]);
  }
});

Deno.test("flags: a second thread only where there are cores to spare", () => {
  const workers = (cores: number) => flags([], { ...SYSTEM, cores }).workers;
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

Deno.test("flags: etcd endpoints, TLS, and the environment", () => {
  assertEquals(
    flags(["--etcd", "a:1, b,http://c:80"]).etcd,
    [
      "http://a:1",
      "http://b:2379",
      "http://c:80",
    ],
  );
  const environment = {
    ...SYSTEM,
    LAINLET_ETCD: "e:1",
    LAINLET_ETCD_USER: "u:p",
  };
  assertEquals(flags([], environment).etcd, ["http://e:1"]);
  assertEquals(flags([], environment).etcdUser, {
    username: "u",
    password: "p",
  });
  assertEquals(flags(["--etcd", "f:1"], environment).etcd, ["http://f:1"]);
  assertEquals(flags([], { ...SYSTEM, LAINLET_ETCD: "" }).etcd, [
    "http://127.0.0.1:2379",
  ]);
  const memory = { ...SYSTEM, LAINLET_STORE: "memory:a.json" };
  assertEquals(flags([], memory).store, { kind: "memory", file: "a.json" });
  assertEquals(flags(["--store=etcd"], memory).store, { kind: "etcd" });
  assertEquals(flags(["--store=etcd2"], memory).store, { kind: "etcd2" });
  assertEquals(flags([], { ...SYSTEM, LAINLET_STORE: "" }).store, {
    kind: "etcd",
  });
  const tls = flags([
    "--etcd.ca=ca",
    "--etcd.cert=c",
    "--etcd.key=k",
    "--etcd=[::1]",
  ]);
  assertEquals(tls.etcd, ["https://[::1]:2379"]);
  assertEquals(tls.etcdTls, { ca: "ca", client: { cert: "c", key: "k" } });
});

Deno.test("flags: times", () => {
  const stale = (time: string) => flags(["--stale.after", time]).staleAfter;
  assertEquals(["90", "90s", "1.5m"].map(stale), [90_000, 90_000, 90_000]);
  assertEquals(stale("1h"), 3_600_000);
  assertEquals(flags(["--verify.every=0"]).verifyEvery, 0);
});

Deno.test("flags: help and version are texts to print", () => {
  for (const arg of ["-h", "--help", "-help"]) {
    assertEquals(parseFlags([arg], SYSTEM, "1.2.3"), HELP);
  }
  for (const arg of ["-v", "--version", "-version"]) {
    assertEquals(parseFlags([arg], SYSTEM, "1.2.3"), "1.2.3");
  }
});

Deno.test("flags: help names every flag, and nothing is wider than a terminal", () => {
  for (
    const name of [
      "web",
      "web.hosts",
      "etcd",
      "ip",
      "hostname",
      "store",
      "noauth",
      "etcd.ca",
      "etcd.cert",
      "etcd.key",
      "etcd.user",
      "debug",
      "version",
      "help",
      "log.format",
      "stale.after",
      "verify.every",
    ]
  ) {
    assertEquals(HELP.includes(`--${name}`), true, name);
  }
  assertEquals(HELP.split("\n").filter((line) => line.length > 80), []);
});

Deno.test("flags: each wrong use has its own line", () => {
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
    [["--store", "redis"], "--store must be etcd, etcd2 or memory:FILE"],
    [["--store", "memory:"], "--store must be etcd, etcd2 or memory:FILE"],
    [["--log.format", "xml"], "--log.format must be logfmt or json"],
    [["--noauth=maybe"], "--noauth is a switch"],
    [["--etcd", "ftp://a"], "--etcd must be endpoints"],
    [["--etcd", "http://u:secret@a:1"], "--etcd must be endpoints"],
    [["--etcd", "a:1,"], "--etcd must be endpoints"],
    [["--etcd", "a:1,https://b:1"], "--etcd must not mix"],
    [["--etcd.cert", "c"], "--etcd.cert and --etcd.key go together"],
    [["--etcd.cert", "c", "--etcd.key", "k"], "--etcd.cert needs --etcd.ca"],
    [["--etcd.ca", "c", "--etcd", "http://a"], "--etcd.ca needs https"],
    [["--etcd.user", "name"], "--etcd.user must be user:password"],
    [["--stale.after", "0"], "--stale.after must be a time like 30s"],
    [["--stale.after", "soon"], "--stale.after must be a time like 30s"],
    [["--stale.after", "600h"], "--stale.after must be a time like 30s"],
    [["--verify.every=-1s"], "--verify.every must be a time like 10m"],
    [["--etcd.user", ":secret"], "--etcd.user must be user:password"],
  ];
  for (const [args, line] of wrong) {
    const error = assertThrows(() => flags(args), UsageError, line);
    assertEquals(error.message.includes("\n"), false);
    assertEquals(error.message.includes("secret"), false);
  }
});
