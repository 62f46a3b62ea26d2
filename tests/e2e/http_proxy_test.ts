/**
 * Streams through reverse proxies that compress.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { Stream } from "../util/client.ts";
import { HttpProxy } from "../util/http_proxy.ts";
import { TestLainlet } from "../util/lainlet.ts";

const KEY = "/lain/config/domain";

for (const kind of ["haproxy", "nginx"] as const) {
  Deno.test(`${kind}: each event of a stream comes whole, before there is a next one`, async () => {
    const store = new MemoryStore([[KEY, "0"]]);
    await using lainlet = await new TestLainlet(store).ready();
    await using proxy = await HttpProxy.start(kind, lainlet.url);
    const view = "configwatcher?target=domain";
    for (
      const path of [
        `/v2/${view}&watch=1`,
        `/v2/watch?view=${encodeURIComponent(view)}`,
      ]
    ) {
      await using stream = await Stream.open(proxy.url + path);
      await stream.next();
      for (const i of [1, 2, 3]) {
        store.put(KEY, path + i);
        assertEquals((await stream.next())?.data, { domain: path + i });
      }
    }
    // What is refused is a stream, too.
    await using refused = await Stream.open(
      `${proxy.url}/v2/procwatcher?watch=1`,
    );
    assertEquals((await refused.next())?.data, "appname required");
    assertEquals(await refused.next(), undefined);
  });
}
