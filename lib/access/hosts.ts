/**
 * Host names that browsers may use for this lainlet. A page of any site can make
 * its own name resolve to this node, so that its scripts call as a local caller
 * (DNS rebinding), but it cannot choose the `Host` that the browser sends. So
 * unknown names are refused.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>;

  /** @param names in addition to localhost and all IP addresses, in any case */
  constructor(names: Iterable<string>) {
    const all = ["localhost", ...names];
    this.#names = new Set(all.map((name) => name.toLowerCase()));
  }

  /**
   * Whether a `Host` header is allowed. Browsers always send one.
   *
   * @see https://www.rfc-editor.org/rfc/rfc9110#section-7.2
   */
  include(host: string | null): boolean {
    if (host === null) return true;
    const [, v6, name = ""] =
      /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim()) ?? [];
    return isAddress(v6 ?? name) ||
      this.#names.has(name.toLowerCase().replace(/\.$/, ""));
  }
}

/**
 * Headers that browsers send and that pages cannot suppress. Over plain HTTP a
 * same-origin request has `Sec-Fetch-Site` only on localhost, and never
 * `Origin`, so these two do not suffice.
 *
 * @see https://fetch.spec.whatwg.org/
 * @see https://www.w3.org/TR/fetch-metadata/
 */
const BROWSER_HEADERS = ["Origin", "Sec-Fetch-Site", "Accept-Language"];

/** Whether a request comes from a browser, as far as its headers tell. */
export function isBrowser(headers: Headers): boolean {
  return BROWSER_HEADERS.some((name) => headers.has(name)) ||
    /^Mozilla\//.test(headers.get("User-Agent") ?? "");
}

/**
 * Whether a browser's request comes from a page of another site. Following a
 * link to the dashboard does not count.
 */
export function isCrossSite(headers: Headers): boolean {
  const site = headers.get("Sec-Fetch-Site");
  if (site !== null && site !== "same-origin" && site !== "none") {
    return headers.get("Sec-Fetch-Mode") !== "navigate" ||
      headers.get("Sec-Fetch-Dest") !== "document";
  }
  const origin = headers.get("Origin");
  return origin !== null &&
    origin.replace(/^https?:\/\//, "") !== headers.get("Host");
}

/**
 * Returns the canonical text of an IP address, so that equal addresses are equal
 * strings: IPv4-mapped IPv6 as IPv4, IPv6 compressed and in lower case (RFC
 * 5952), without a zone. Returns other text unchanged.
 */
export function canonicalAddress(address: string): string {
  if (!address.includes(":")) return address;
  const [bare = ""] = address.split("%");
  if (!URL.canParse(`http://[${bare}]`)) return address;
  const { hostname } = new URL(`http://[${bare}]`);
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname);
  if (mapped === null) return hostname.slice(1, -1);
  const [high, low] = [mapped[1], mapped[2]].map((part) =>
    parseInt(`${part}`, 16)
  );
  return [high, low].flatMap((part = 0) => [part >> 8, part & 255]).join(".");
}

/** Whether a text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  if (text.includes(":")) return URL.canParse(`http://[${text}]`);
  return /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) &&
    text.split(".").every((part) => Number(part) < 256);
}
