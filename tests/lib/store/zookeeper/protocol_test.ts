import { assertEquals, assertThrows } from "@std/assert";
import {
  Frames,
  Reader,
  Writer,
} from "../../../../lib/store/zookeeper/protocol.ts";

/** Some messages, one of which is empty, as they come on a connection. */
const MESSAGES = ["one", "", "x".repeat(300), "例子"];
const STREAM = Uint8Array.from(
  MESSAGES.flatMap((text) => [...new Writer().text(text).frame()]),
);

Deno.test("ZooKeeper's frames: however a stream is cut, its messages are the same", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const frames = new Frames();
    const texts: string[] = [];
    // As a socket's buffer, which is used again.
    const buffer = new Uint8Array(size);
    for (let at = 0; at < STREAM.length; at += size) {
      const piece = STREAM.subarray(at, at + size);
      buffer.set(piece);
      for (const message of frames.push(buffer.subarray(0, piece.length))) {
        texts.push(new Reader(message).text());
      }
    }
    assertEquals([texts, frames.isInside], [MESSAGES, false]);
  }
});

Deno.test("ZooKeeper's frames: an incomplete frame is known, a too long one is refused", () => {
  const frames = new Frames();
  assertEquals([...frames.push(STREAM.subarray(0, 5))], []);
  assertEquals(frames.isInside, true);
  for (const length of [-1, 0x7fff_ffff, 64 * 1024 * 1024 + 1]) {
    const head = new Writer().int(length).frame().subarray(4);
    assertThrows(
      () => [...new Frames().push(head)],
      Error,
      "the response is not from ZooKeeper",
    );
  }
});

Deno.test("jute: what is written is read", () => {
  const frame = new Writer().int(-5).long(2 ** 52 + 1).long(-1).boolean(true)
    .bytes(Uint8Array.of(1, 2)).text("例").int(2).text("\ufeffa").text("")
    .bytes(new Uint8Array(1_000)).int(7).frame();
  const reader = new Reader(frame.subarray(4));
  assertEquals(reader.int(), -5);
  assertEquals([reader.long(), reader.long()], [2 ** 52 + 1, -1]);
  reader.skip(1);
  assertEquals([...reader.copy()], [1, 2]);
  assertEquals(reader.text(), "例");
  assertEquals(reader.texts(), ["\ufeffa", ""]);
  assertEquals(reader.copy().length, 1_000);
  assertEquals(reader.int(), 7);
});

Deno.test("jute: a field beyond the end of a message is refused, whatever its length", () => {
  const claim = (length: number) =>
    new Writer().int(length).frame().subarray(4);
  assertEquals(new Reader(claim(-1)).copy().length, 0);
  assertEquals(new Reader(claim(-1)).texts(), []);
  for (
    const read of [
      () => new Reader(claim(1)).text(),
      () => new Reader(claim(0x7fff_ffff)).copy(),
      () => new Reader(claim(0x7fff_ffff)).texts(),
      () => new Reader(claim(1)).long(),
      () => new Reader(new Uint8Array(3)).int(),
    ]
  ) assertThrows(read, Error, "ZooKeeper's response is malformed");
});
