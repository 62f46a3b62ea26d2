import { assertEquals } from "@std/assert";
import { canonicalAddress, isAddress } from "../../../lib/access/hosts.ts";

Deno.test("canonicalAddress: equal addresses are equal strings", () => {
  for (
    const [address, canonical] of [
      ["10.0.0.1", "10.0.0.1"],
      ["::ffff:10.0.0.1", "10.0.0.1"],
      ["::FFFF:0a00:0001", "10.0.0.1"],
      ["::1", "::1"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["2001:DB8:0::1", "2001:db8::1"],
      ["fe80::1%eth0", "fe80::1"],
      ["::ffff:1:2:3", "::ffff:1:2:3"],
      ["", ""],
      ["a:b:nonsense", "a:b:nonsense"],
    ] as const
  ) {
    assertEquals(canonicalAddress(address), canonical, address);
  }
});

Deno.test("isAddress: IPv4 and IPv6, nothing else", () => {
  for (
    const address of ["1.2.3.4", "255.255.255.255", "::", "::1", "fe80::1"]
  ) {
    assertEquals(isAddress(address), true, address);
  }
  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.256",
      "1.2.3.4.5",
      "node1",
      "::g",
      "1.2.3.4:80",
    ]
  ) {
    assertEquals(isAddress(text), false, text);
  }
});
