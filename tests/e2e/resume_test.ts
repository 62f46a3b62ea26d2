/**
 * A listener that comes back with the name of the state that it has, to a
 * lainlet that runs as a process and follows a real etcd.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { Frames } from "../util/frames.ts";
import { LainletProcess } from "../util/lainlet_process.ts";

const KEY = "/lain/config/key0";
const VALUE = "x".repeat(10_000);

/** A state of 3 MB. */
const CONTENT = Object.fromEntries(
  Array.from({ length: 300 }, (_, i) => [`/lain/config/key${i}`, VALUE]),
);

const LISTENERS = 1_000;

/** A listener of which every byte counts. */
class Listener implements AsyncDisposable {
  readonly #decoder = new TextDecoder();
  bytes = 0;
  #text = "";

  private constructor(private readonly conn: Deno.TcpConn) {}

  static async open(url: string, path: string): Promise<Listener> {
    const { hostname, port, host } = new URL(url);
    const listener = new Listener(
      await Deno.connect({ hostname, port: Number(port) }),
    );
    const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    await listener.conn.write(new TextEncoder().encode(request));
    return listener;
  }

  /** Reads until a text has come. */
  async until(text: string): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    while (!this.#text.includes(text)) {
      const n = await this.conn.read(buffer);
      if (n === null) throw new Error(`it ended after ${this.#text}`);
      this.bytes += n;
      this.#text += this.#decoder.decode(buffer.subarray(0, n));
    }
  }

  // deno-lint-ignore require-await
  async [Symbol.asyncDispose](): Promise<void> {
    this.conn.close();
  }
}

for (const [target, threads] of [["source", 1], ["binary", 3]] as const) {
  Deno.test(`${target}, threads: ${threads}: a listener resumes from its state`, async (t) => {
    await using etcd = await TestEtcd.start();
    for (const [key, value] of Object.entries(CONTENT)) {
      await etcd.write({ [key]: value });
    }
    const start = (ready = true) =>
      LainletProcess.start(target, [
        `--etcd=${etcd.endpoint}`,
        `--workers=${threads}`,
        `--max.listeners.per.address=${2 * LISTENERS}`,
      ], { ready });
    await using other = await start();
    const path = "/v2/configwatcher?patch=merge";
    let tag = "";

    await t.step("on the same lainlet, and on another one", async () => {
      await using lainlet = await start();
      const { url } = lainlet;
      await using first = await Frames.open(url + path);
      const { etag: old = "", event } = await first.frame();
      assertEquals(event, "init");
      await using elsewhere = await Frames.open(other.url + path, old);
      assert((await elsewhere.frame()).isUnchanged);
      const revision = await etcd.write({ [KEY]: "1" });
      for (const stream of [first, elsewhere]) {
        const frame = await stream.frame();
        assertEquals([frame.event, frame.data], ["patch", { key0: "1" }]);
        assertEquals(frame.revision, revision);
        tag = frame.etag ?? "";
      }
      // Whichever thread it comes to.
      for (let i = 0; i < 3 * threads; i++) {
        for (const base of [url, other.url]) {
          await using late = await Frames.open(base + path, old);
          const { event, data, etag } = await late.frame();
          assertEquals([event, etag], ["patch", tag]);
          assertEquals(data, { key0: "1" });
          await using present = await Frames.open(base + path, tag);
          assert((await present.frame()).isUnchanged);
        }
      }
      await using nobodys = await Frames.open(url + path, '"nobodys"');
      const { event: all, etag } = await nobodys.frame();
      assertEquals([all, etag], ["init", tag]);
    });

    await t.step("after its restart", async () => {
      await using lainlet = await start();
      await using back = await Frames.open(lainlet.url + path, tag);
      assert((await back.frame()).isUnchanged);
      await etcd.write({ [KEY]: "2" });
      const { id, event, data, etag = "" } = await back.frame();
      assertEquals([id, event, data], ["1", "patch", { key0: "2" }]);
      // An older state is not known to a listener that came later.
      await using late = await Frames.open(lainlet.url + path, '"older"');
      assertEquals((await late.frame()).event, "init");
      tag = etag;
    });

    await t.step(`${LISTENERS} after a restart, in a few bytes`, async () => {
      await using lainlet = await start(false);
      await using stack = new AsyncDisposableStack();
      const since = encodeURIComponent(tag);
      const listeners = await Promise.all(
        Array.from({ length: LISTENERS }, async () =>
          stack.use(
            await Listener.open(
              lainlet.url,
              `${path}&watch=1&tag=1&since=${since}`,
            ),
          )),
      );
      await Promise.all(listeners.map((one) => one.until(": unchanged\n\n")));
      await etcd.write({ [KEY]: "3" });
      await Promise.all(listeners.map((one) => one.until('{"key0":"3"}\n\n')));
      const { body } = await get(lainlet.url + path);
      const sent = listeners.reduce((sum, { bytes }) => sum + bytes, 0);
      const whole = LISTENERS * body.length;
      assert(whole > LISTENERS * 2_900_000 && sent < whole / 1_000, `${sent}`);
    });
  });
}
