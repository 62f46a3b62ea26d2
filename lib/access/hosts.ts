/**
 * The names by which a browser may ask this lainlet. A page of any site can
 * make its own name resolve to this node, and its scripts then ask as a local
 * caller (DNS rebinding); but they cannot choose the `Host` that the browser
 * sends. So a name that is not known here is refused, not believed.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>;

  /** @param names besides localhost and all addresses, in any case */
  constructor(names: Iterable<string>) {
    const all = ["localhost", ...names];
    this.#names = new Set(all.map((name) => name.toLowerCase()));
  }

  /**
   * Whether a `Host` header names this lainlet; without one it was no browser
   * that asked.
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
 * What every browser sends, and no page can keep it from sending. By plain
 * HTTP a request to a site of one's own carries `Sec-Fetch-Site` only where
 * that site is localhost, and `Origin` never: so there are more.
 *
 * @see https://fetch.spec.whatwg.org/
 * @see https://www.w3.org/TR/fetch-metadata/
 */
const BROWSER_HEADERS = ["Origin", "Sec-Fetch-Site", "Accept-Language"];

/** Whether a browser asks, as far as headers tell. */
export function isBrowser(headers: Headers): boolean {
  return BROWSER_HEADERS.some((name) => headers.has(name)) ||
    /^Mozilla\//.test(headers.get("User-Agent") ?? "");
}

/**
 * Whether a browser asks for a page of another site; to go to the dashboard by
 * a link is not that.
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
 * An IP address in its one canonical text, so that equal addresses are equal
 * strings: an IPv4-mapped IPv6 address as IPv4, IPv6 compressed and in lower
 * case (RFC 5952), without a zone. Anything else is returned as it is.
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

/** Whether the text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  if (text.includes(":")) return URL.canParse(`http://[${text}]`);
  return /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) &&
    text.split(".").every((part) => Number(part) < 256);
}
