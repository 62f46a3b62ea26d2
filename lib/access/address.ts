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
