import { assert, assertEquals, assertMatch } from "@std/assert";
import { groupKey, groupValue } from "../../../scripts/cluster.ts";
import { isObject } from "../../../lib/json.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { get } from "../../util/client.ts";
import { expectations, golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";
import { eventually } from "../../util/process.ts";

Deno.test("a GET is JSON with sorted keys, a strong tag, and the same bytes each time", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const path = `${server.url}/v2/coreinfowatcher`;
  const [one, two] = [await get(path), await get(path)];
  assertEquals(
    one.headers.get("content-type"),
    "application/json; charset=utf-8",
  );
  assertEquals(one.headers.get("cache-control"), "no-cache");
  assertMatch(one.headers.get("etag") ?? "", /^"[^"]+"$/);
  assertEquals(one.body, two.body);
  assertEquals(one.headers.get("etag"), two.headers.get("etag"));
  for (const { path, from, status } of expectations) {
    if (status !== 200) continue;
    const { body } = await get(server.url + path, from);
    JSON.parse(body, function (_key, value) {
      if (isObject(value)) {
        assertEquals(Object.keys(value), Object.keys(value).sort(), path);
      }
      return value;
    });
  }
});

Deno.test("If-None-Match gets 304 until the state changes, in each encoding", async () => {
  const store = golden();
  await using server = await new TestLainlet(store).ready();
  const path = `${server.url}/v2/nodes`;
  const request = (encoding: string, tag = "") =>
    get(path, "127.0.0.1", {
      headers: { "Accept-Encoding": encoding, "If-None-Match": tag },
    });
  const tags: string[] = [];
  for (const encoding of ["gzip", "identity"]) {
    const { headers, status } = await request(encoding);
    const tag = headers.get("etag") ?? "";
    tags.push(tag);
    assertEquals(status, 200);
    const again = await request(encoding, tag);
    assertEquals([again.status, again.body], [304, ""]);
    assertEquals(again.headers.get("etag"), tag);
    assertEquals((await request(encoding, `"x", W/${tag}`)).status, 304);
    assertEquals((await request(encoding, '"x"')).status, 200);
  }
  assertEquals(new Set(tags).size, 2);
  store.put("/lain/nodes/nodes/node9:192.168.77.29:22", "{}");
  const changed = await eventually("the change is served", async () => {
    const answer = await request("identity", tags[1]);
    return answer.status === 200 ? answer : undefined;
  });
  assert(changed.body.includes("node9"));
});

Deno.test("a response is compressed on request, a stream never", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const headers = { "Accept-Encoding": "gzip" };
  const path = "/v2/coreinfowatcher";
  const send = () => fetch(server.url + path, { headers });
  const [one, two] = [await send(), await send()];
  for (const { headers } of [one, two]) {
    assertEquals(headers.get("vary"), "Accept-Encoding");
  }
  assertEquals(await one.text(), (await get(server.url + path)).body);
  assertEquals(
    one.headers.get("etag"),
    await two.text() && two.headers.get("etag"),
  );
  const port = Number(new URL(server.url).port);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const request =
    `GET ${path}?watch=1 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1_000);
  const text = new TextDecoder().decode(
    buffer.subarray(0, await conn.read(buffer) ?? 0),
  );
  assertMatch(text, /^HTTP\/1.1 200/);
  assertEquals(/content-encoding/i.exec(text), null);
});

Deno.test("a state is not compressed by the runtime, for each request, where brotli is accepted", async () => {
  await using server = await new TestLainlet(golden()).ready();
  const path = `${server.url}/v2/coreinfowatcher`;
  const send = async (encoding: string) => {
    const { headers } = await get(path, "127.0.0.1", {
      headers: { "Accept-Encoding": encoding },
    });
    return headers.get("cache-control");
  };
  for (const encoding of ["br", "BR;q=0.5, identity", "gzip;q=0, br"]) {
    assertEquals([encoding, await send(encoding)], [
      encoding,
      "no-cache, no-transform",
    ]);
  }
  // As deployed clients send it.
  for (const encoding of ["identity", "gzip, deflate", "gzip, deflate, br"]) {
    assertEquals([encoding, await send(encoding)], [encoding, "no-cache"]);
  }
});

Deno.test("names like __proto__ and numbers are names like any other", async () => {
  const node = { name: "n", ip: "1.2.3.4" };
  const group = {
    app: "__proto__",
    proc: "web.web",
    instances: [{ node, ip: "127.20.9.9" }],
  };
  const store = new MemoryStore([
    ["/lain/config/__proto__", "p"],
    ["/lain/config/10", "ten"],
    ["/lain/config/9", "nine"],
    [groupKey(group), groupValue(group)],
  ]);
  await using server = await new TestLainlet(store).ready();
  const body = async (path: string) => (await get(server.url + path)).body;
  assertEquals(
    await body("/v2/configwatcher"),
    '{"10":"ten","9":"nine","__proto__":"p"}',
  );
  assertEquals(
    await body("/v2/appswatcher"),
    '{"__proto__":{"Appname":"__proto__"}}',
  );
});
