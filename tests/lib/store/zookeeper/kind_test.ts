import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../../lib/flags.ts";
import { readSettings } from "../../../../lib/store/zookeeper/kind.ts";

function settings(zookeeper?: string, user?: string) {
  const values = new Map([["zookeeper", zookeeper], ["zookeeper.user", user]]);
  return readSettings((name) => values.get(name));
}

Deno.test("ZooKeeper's flags: endpoints and a chroot", () => {
  assertEquals(settings(), {
    endpoints: ["127.0.0.1:2181"],
    chroot: "",
    auth: undefined,
  });
  const several = settings("zk-1:1, [::1],10.0.0.1:2182/lain/a/");
  assertEquals(several.endpoints, ["zk-1:1", "[::1]:2181", "10.0.0.1:2182"]);
  assertEquals(several.chroot, "/lain/a");
  assertEquals(settings("zk/").chroot, "");
});

Deno.test("ZooKeeper's flags: a login", () => {
  const { auth } = settings(undefined, "u:p=q:r");
  assertEquals(auth, { username: "u", password: "p=q:r" });
});

Deno.test("ZooKeeper's flags: each wrong use has its own line", () => {
  const wrong: [zookeeper: string, line: string][] = [
    ["http://a", "--zookeeper must be endpoints"],
    ["u:secret@a:1", "--zookeeper must be endpoints"],
    ["a:99999", "--zookeeper must be endpoints"],
    ["::1", "--zookeeper must be endpoints"],
    ["a:1,", "--zookeeper must be endpoints"],
    ["/lain", "--zookeeper must be endpoints"],
    ["a/b//c", "--zookeeper's chroot must be"],
    ["a/b/../c", "--zookeeper's chroot must be"],
    ["a/b,c/b", "--zookeeper's chroot must be"],
  ];
  for (const [zookeeper, line] of wrong) {
    const error = assertThrows(() => settings(zookeeper), UsageError, line);
    assertEquals(error.message.includes("secret"), false);
  }
  assertThrows(
    () => settings(undefined, "name"),
    UsageError,
    "--zookeeper.user must be user:password",
  );
});
