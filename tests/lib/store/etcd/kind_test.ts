import { assertEquals, assertThrows } from "@std/assert";
import { FLAGS, readSettings } from "../../../../lib/store/etcd/kind.ts";
import { UsageError } from "../../../../lib/flags.ts";

/** What flags say, given as `name=value`. */
function settings(...args: string[]) {
  const values = new Map(
    args.map((arg) => [arg.replace(/=.*/, ""), arg.replace(/^[^=]*=/, "")]),
  );
  for (const name of values.keys()) {
    assertEquals(FLAGS.some((flag) => flag.name === name), true, name);
  }
  return readSettings((name) => values.get(name));
}

Deno.test("etcd's flags: endpoints", () => {
  assertEquals(settings().endpoints, ["http://127.0.0.1:2379"]);
  assertEquals(settings("etcd=a:1, b,http://c:80").endpoints, [
    "http://a:1",
    "http://b:2379",
    "http://c:80",
  ]);
});

Deno.test("etcd's flags: TLS, and a login", () => {
  const ca = settings("etcd.ca=ca", "etcd.cert=c", "etcd.key=k", "etcd=[::1]");
  assertEquals(ca.endpoints, ["https://[::1]:2379"]);
  assertEquals(ca.tls, { ca: "ca", client: { cert: "c", key: "k" } });
  assertEquals(settings("etcd.ca=ca", "etcd=a").tls?.client, undefined);
  assertEquals(settings("etcd.user=u:p=q:r").auth, {
    username: "u",
    password: "p=q:r",
  });
});

Deno.test("etcd's flags: each wrong use has its own line", () => {
  const wrong: [args: string[], line: string][] = [
    [["etcd=ftp://a"], "--etcd must be endpoints"],
    [["etcd=http://u:secret@a:1"], "--etcd must be endpoints"],
    [["etcd=http://:secret@a:1"], "--etcd must be endpoints"],
    [["etcd=a:1,"], "--etcd must be endpoints"],
    [["etcd=a:1,https://b:1"], "--etcd must not mix"],
    [["etcd.cert=c"], "--etcd.cert and --etcd.key go together"],
    [["etcd.cert=c", "etcd.key=k"], "--etcd.cert needs --etcd.ca"],
    [["etcd.ca=c", "etcd=http://a"], "--etcd.ca needs https"],
    [["etcd.user=name"], "--etcd.user must be user:password"],
    [["etcd.user=:secret"], "--etcd.user must be user:password"],
  ];
  for (const [args, line] of wrong) {
    const error = assertThrows(() => settings(...args), UsageError, line);
    assertEquals(error.message.includes("secret"), false);
  }
});
