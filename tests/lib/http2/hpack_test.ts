import { assertEquals, assertThrows } from "@std/assert";
import {
  encodeHeaders,
  type Header,
  HpackDecoder,
  HpackEncoder,
  HpackError,
} from "../../../lib/http2/hpack.ts";

function bytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

const FIRST: Header[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const SECOND: Header[] = [...FIRST, ["cache-control", "no-cache"]];
const THIRD: Header[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];

Deno.test("hpack: the requests of RFC 7541, C.3 and C.4, which use the dynamic table", () => {
  for (
    const blocks of [
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
    ]
  ) {
    const decoder = new HpackDecoder();
    const headers = blocks.map((block) => decoder.decode(bytes(block), 1_000));
    assertEquals(headers, [FIRST, SECOND, THIRD]);
  }
});

Deno.test("hpack: literals without indexing leave the table unchanged", () => {
  const decoder = new HpackDecoder();
  // RFC 7541, C.2.2 and C.2.3.
  assertEquals(
    decoder.decode(bytes("040c 2f73 616d 706c 652f 7061 7468"), 99),
    [
      [":path", "/sample/path"],
    ],
  );
  assertEquals(
    decoder.decode(bytes("1008 7061 7373 776f 7264 0673 6563 7265 74"), 99),
    [["password", "secret"]],
  );
  assertThrows(() => decoder.decode(bytes("be"), 99), HpackError);
});

Deno.test("hpack: the table evicts the oldest entries, and all if it shrinks to 0", () => {
  const decoder = new HpackDecoder();
  // 60 entries of 100 bytes are more than 4,096.
  const value = "40" + "01" + "61" + "43" + "62".repeat(67);
  for (let i = 0; i < 60; i++) decoder.decode(bytes(value), 200);
  assertEquals(decoder.decode(bytes("be"), 200)?.[0]?.[0], "a");
  assertEquals(decoder.decode(Uint8Array.of(0x80 | 61 + 40), 200)?.length, 1);
  assertThrows(
    () => decoder.decode(Uint8Array.of(0x80 | 61 + 41), 200),
    HpackError,
  );
  assertEquals(decoder.decode(bytes("20"), 200), []);
  assertThrows(() => decoder.decode(bytes("be"), 200), HpackError);
});

Deno.test("hpack: malformed and too large blocks are errors", async (t) => {
  const wrong = {
    "no such entry": "80",
    "an entry of an empty table": "be",
    "cut off in an integer": "ff",
    "cut off in a string": "4001 6105 62",
    "an integer without end": "7fff ffff ffff ff",
    "too large a table": "3fe2 1f",
    "a table size amid headers": "8220",
    "a code that ends amid a byte's": "0001 6181 00",
    "a code with the wrong padding": "0001 6181 18",
    "the code of the end of a string": "0001 6184 ffff ffff",
  };
  for (const [what, block] of Object.entries(wrong)) {
    await t.step(what, () => {
      const decoder = new HpackDecoder();
      assertThrows(() => decoder.decode(bytes(block), 1_000), HpackError);
    });
  }
});

Deno.test("hpack: headers beyond the limit are dropped, but added to the table", () => {
  const large = encodeHeaders([["a", "x".repeat(900)], ["b", "x".repeat(100)]]);
  assertEquals(new HpackDecoder().decode(large, 1_100)?.length, 2);
  const decoder = new HpackDecoder();
  assertEquals(decoder.decode(large, 1_000), undefined);
  const [before, kept] = [bytes("4001 6101 62"), bytes("4001 6301 64")];
  const block = Uint8Array.of(...before, ...large, ...kept);
  assertEquals(decoder.decode(block, 1_000), undefined);
  assertEquals(decoder.decode(bytes("bebf"), 1_000), [["c", "d"], ["a", "b"]]);
});

Deno.test("hpack: a smaller table is confirmed by one size update", () => {
  const encoder = new HpackEncoder();
  const plain = encodeHeaders(FIRST);
  for (
    const [size, isReduced] of [
      [8_192, false],
      [4_096, true],
      [4_096, false],
      [2_048, true],
      [0, true],
      [0, false],
      [4_096, false],
    ] as const
  ) {
    encoder.setMaxTableSize(size);
    const block = encoder.encode(FIRST);
    assertEquals(block, isReduced ? Uint8Array.of(0x20, ...plain) : plain);
    assertEquals(new HpackDecoder().decode(block, 1_000), FIRST);
    assertEquals(encoder.encode(FIRST), plain);
  }
});

Deno.test("hpack: every byte is encoded and decoded", () => {
  const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i));
  const headers = [["all", all.join("")], ["empty", ""]] as const;
  const block = encodeHeaders(headers);
  assertEquals(new HpackDecoder().decode(block, 1_000), [...headers]);
});
