import { assertEquals, assertRejects } from "@std/assert";
import http2 from "node:http2";
import { EtcdConnection } from "../../../../lib/store/etcd/connection.ts";
import "../../../../lib/store/etcd/sockets.ts";
import { eventually } from "../../../util/process.ts";

Deno.test("sockets: the listeners of an ended HTTP/2 session are removed, and no others", async () => {
  const server = http2.createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError();
  const open = async () => {
    const session = http2.connect(`http://127.0.0.1:${address.port}`);
    session.on("goaway", () => {});
    await new Promise((resolve) => session.once("connect", resolve));
    return session;
  };
  const [first, second] = [await open(), await open()];
  first.destroy();
  await eventually("it is over", () => first.destroyed || undefined);
  const later = [await open(), await open()];
  assertEquals(first.listenerCount("goaway"), 0);
  assertEquals(second.listenerCount("goaway"), 1);
  for (const session of [second, ...later]) session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("sockets: a closed connection to a silent server leaves no socket open", async () => {
  await Promise.all(["http", "https"].map(async (scheme) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const silent = `127.0.0.1:${listener.addr.port}`;
    const connection = new EtcdConnection(`${scheme}://${silent}`, {});
    const opened = connection.open(["/lain/"]);
    using socket = await listener.accept();
    connection.close();
    await assertRejects(() => opened, Error);
    // Until its end; it is never answered.
    const bytes = new Uint8Array(1024);
    while (await socket.read(bytes) !== null);
  }));
});
