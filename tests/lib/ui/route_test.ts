import { assertEquals } from "@std/assert";
import { href, parseFragment } from "../../../lib/ui/route.ts";

Deno.test("route: a URL has the path and the parameters, whatever they hold", () => {
  const cases: [path: string[], params: Record<string, string>][] = [
    [[], {}],
    [["pods"], { state: "bad", sort: "-restarts" }],
    [["app", "a/b?c#d%e"], { q: "shop & web=1 ☃" }],
    [["container", "node1", "x y+z"], {}],
  ];
  for (const [path, params] of cases) {
    const url = href(path, params);
    assertEquals(url.startsWith("#/"), true);
    assertEquals(parseFragment(url), { path, params });
  }
  assertEquals(href(["search"], "a b"), "#/search?q=a%20b");
  assertEquals(href([]), "#/");
  // Parameters without a value are left out; a lone surrogate cannot be in a URL.
  assertEquals(href(["pods"], { q: "", app: "x" }), "#/pods?app=x");
  assertEquals(href(["app", "\ud800"]), "#/app/%EF%BF%BD");
});

Deno.test("route: of a typed URL the valid part is used", () => {
  const cases: [hash: string, path: string[], params: object][] = [
    ["", [], {}],
    ["#", [], {}],
    ["#apps/", ["apps"], {}],
    ["#//apps//x", ["apps", "x"], {}],
    ["#/app/100%", ["app", "100%"], {}],
    ["#/pods?state=bad&&q=a+b", ["pods"], { state: "bad", q: "a b" }],
  ];
  for (const [hash, path, params] of cases) {
    assertEquals([hash, parseFragment(hash)], [hash, { path, params }]);
  }
});
