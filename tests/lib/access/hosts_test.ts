import { assertEquals } from "@std/assert";
import {
  canonicalAddress,
  Hosts,
  isAddress,
  isBrowser,
  isCrossSite,
} from "../../../lib/access/hosts.ts";

Deno.test("hosts: addresses, localhost and given names, with any port", () => {
  const hosts = new Hosts(["node1", "Lainlet.LAIN"]);
  for (
    const host of [
      "127.0.0.1",
      "10.0.0.7:9001",
      "[::1]:9001",
      "[fe80::1]",
      "localhost",
      "LOCALHOST:80",
      "node1:9001",
      "Node1.",
      "lainlet.lain",
      null,
    ]
  ) {
    assertEquals([host, hosts.include(host)], [host, true]);
  }
  for (
    const host of [
      "",
      ":9001",
      "evil.example",
      "evil.example:9001",
      "127.0.0.1.evil.example",
      "10.0.0.7.nip.example",
      "localhost.evil.example",
      "evil.example@127.0.0.1",
      "127.0.0.1@evil.example",
      "127.0.0.1:x",
      "[evil.example]",
      "[::1].evil.example",
      "node1.evil.example",
      "1.2.3",
      "0x7f.1",
    ]
  ) {
    assertEquals([host, hosts.include(host)], [host, false]);
  }
});

Deno.test("isBrowser, isCrossSite: by headers", () => {
  const host = { Host: "node1:9001" };
  const own = { ...host, "Accept-Language": "en" };
  const cases: [headers: Record<string, string>, boolean, boolean][] = [
    [{ ...host, "User-Agent": "Go-http-client/1.1" }, false, false],
    [
      { ...host, "User-Agent": "python-requests/2.31", Accept: "*/*" },
      false,
      false,
    ],
    [host, false, false],
    [own, true, false],
    [{ ...host, "User-Agent": "Mozilla/5.0 (X11)" }, true, false],
    [{ ...host, "Sec-Fetch-Site": "same-origin" }, true, false],
    [{ ...host, "Sec-Fetch-Site": "none" }, true, false],
    [{ ...host, "Sec-Fetch-Site": "cross-site" }, true, true],
    [{ ...host, "Sec-Fetch-Site": "same-site" }, true, true],
    [{ ...host, Origin: "http://node1:9001" }, true, false],
    [{ ...host, Origin: "https://node1:9001" }, true, false],
    [{ ...host, Origin: "http://node1" }, true, true],
    [{ ...host, Origin: "http://evil.example" }, true, true],
    [{ ...host, Origin: "null" }, true, true],
    [
      {
        ...host,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
      },
      true,
      false,
    ],
    [
      {
        ...host,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
      },
      true,
      true,
    ],
  ];
  for (const [init, browser, crossSite] of cases) {
    const headers = new Headers(init);
    assertEquals(
      [init, isBrowser(headers), isCrossSite(headers)],
      [init, browser, crossSite],
    );
  }
});

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
