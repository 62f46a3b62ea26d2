import { assertEquals } from "@std/assert";
import * as apis from "../../../apis/mod.ts";
import { complete } from "../../../lib/cli/completions.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import {
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../../scripts/cluster.ts";
import { ApiFiles } from "../../../lib/view/files/files.ts";
import { apiFile, ApiFolder } from "../../util/api_files.ts";
import { groupAt } from "../../util/example.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { freePort } from "../../util/process.ts";

/** A time in ms in which lainlet answers on a busy machine, too. */
const PATIENT = 30_000;

/** Words that complete a line, then the directive about files. */
async function completed(
  line: string,
  addr = `:${freePort()}`,
  timeout?: number,
) {
  const lines = await complete(line.split(" "), addr, timeout);
  return lines.map((line) => line.split("\t")[0]);
}

Deno.test("completion: commands, flags and their values need no lainlet", async () => {
  const cases: [line: string, ...words: string[]][] = [
    ["w", "watch"],
    ["nosuch", ""],
    ["completions f", "fish"],
    ["help comp", "completions"],
    ["get no", "nodes"],
    ["watch webrouter/", "webrouter/webprocs"],
    ["watch debug", ""],
    ["get procwatcher --ap", "--appname"],
    ["get nodes --ap", ""],
    ["pods --w", "--watch"],
    ["pods -o j", "json"],
    ["pods --output=j", "--output=json"],
    ["-log.format l", "logfmt"],
    ["--max", "--max.listeners", "--max.listeners.per.address"],
    ["--store=mem", "--store=memory:"],
    ["pods --addr ", ""],
    ["status ", ""],
  ];
  for (const [line, ...words] of cases) {
    const known = words.filter((word) => word !== "");
    assertEquals([line, await completed(line)], [line, [...known, ":4"]]);
  }
  for (const line of ["--state ", "--etcd.ca=", "-ip 1 -etcd.key x"]) {
    assertEquals([line, await completed(line)], [line, [":0"]]);
  }
});

Deno.test("completion: names come from the lainlet that the line names", async () => {
  const node = { name: "n1", ip: "192.0.2.1" };
  const group = groupAt("192.0.2.2", "shop");
  const store = new MemoryStore([
    [nodeKey(node), nodeValue(node)],
    [groupKey(group), groupValue(group)],
    ["/lain/config/vips/shop", "x"],
    ["/lain/config/vips/$(id)", "x"],
  ]);
  await using folder = await ApiFolder.make({
    "a.js": apiFile({
      params:
        '{ ...lainlet.BY_APP, kind: { description: "The kind.", required: true } }',
    }),
  });
  const apiFiles = new ApiFiles({
    folder: folder.path,
    builtIn: Object.values(apis),
  });
  await using lainlet = await new TestLainlet(store, { apiFiles }).ready();
  await lainlet.lainlet.reloadApis();
  const { url } = lainlet;
  const cases: [line: string, ...words: string[]][] = [
    ["pods ", "shop"],
    ["pods shop ", ""],
    ["changes -o json s", "shop"],
    ["find ", "shop", "n1"],
    ["find -- n", "n1"],
    ["config v", "vips/shop"],
    ["get nodes --name=", "--name=n1"],
    ["get procwatcher --appname ", "shop"],
    ["get localspecquery --nodeip 1", "192.0.2.1"],
    ["get pods", "pods", "pods-per-group"],
    ["watch pods-", "pods-per-group"],
    ["get pods-per-group --k", "--kind"],
    ["watch pods-per-group --appname=", "--appname=shop"],
  ];
  for (const [line, ...words] of cases) {
    const known = words.filter((word) => word !== "");
    assertEquals([line, await completed(line, url, PATIENT)], [
      line,
      [...known, ":4"],
    ]);
  }
  for (const flag of [`--addr ${url}`, `-addr=${url}`]) {
    const words = await completed(`pods ${flag} s`, undefined, PATIENT);
    assertEquals(words, ["shop", ":4"]);
  }
});

Deno.test("completion: a lainlet that does not respond completes nothing, and is not waited for", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr;
  assertEquals(await completed("pods ", `:${port}`), [":4"]);
});
