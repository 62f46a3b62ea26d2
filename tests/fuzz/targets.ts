import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as apis from "../../apis/mod.ts";
import { isSecret } from "../../lib/access/rights.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get } from "../util/client.ts";
import { cluster } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import type { Check } from "./check.ts";

/** Is in the name and in the value of each secret, and in no request. */
const MARK = "xyzzy";

const SECRETS = [
  "ssl",
  "super_apps/",
  "vip",
  "vips",
  "dns_ip",
  "etcd_cluster_token",
  "rsyncd_secrets",
  "system_volumes",
];

/** Callers: this host, a container of an app that is not super, and an unknown address. */
const LOCAL = "127.0.0.1";
const NOBODY = "127.77.77.77";

const PATHS = Object.values(apis).flatMap(({ paths }): readonly string[] =>
  paths
);
const PARAMS = Object.values(apis).flatMap(({ params }) => Object.keys(params))
  .concat("watch", "heartbeat", "patch");

const bits = fc.oneof(
  fc.constantFrom("%00", "%", "%zz", "%ff", "%2f", "/", "..", "*", "#", "?"),
  fc.constantFrom(
    "&",
    "=",
    "+",
    ":",
    "ssl",
    "s",
    "vip",
    "super_apps",
    "console",
  ),
  fc.constantFrom("__proto__", "1", "merge", "0", "true", "%73sl", "\u2028"),
  fc.string({ unit: "grapheme", maxLength: 4 }).map(encodeURIComponent),
  fc.string({ unit: "binary", maxLength: 4 }),
);

const texts = fc.array(bits, { maxLength: 4 }).map((all) => all.join(""));

const queries = fc.array(
  fc.tuple(fc.oneof(fc.constantFrom(...PARAMS), texts), texts),
  { maxLength: 4 },
).map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&"));

/** The beginnings of the names of secrets, some of which begin the names of others. */
const teasers = fc.tuple(
  fc.constantFrom(...SECRETS),
  fc.nat({ max: 3 }),
  fc.constantFrom("", "&watch=1", "&watch=1&patch=merge", "&target=domain"),
).map(([name, length, more]) =>
  `/v2/configwatcher?target=${name.slice(0, length)}${more}`
);

const urls = fc.oneof(
  teasers,
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...PATHS), queries)
      .map((parts) => parts.join("?")),
  },
  fc.tuple(fc.constantFrom(...PATHS), texts, queries)
    .map(([path, more, query]) => `${path}/${more}?${query}`),
  texts.map((text) => `/${text}`),
  texts,
  fc.tuple(fc.constantFrom("x", "/v2/configwatcher?target=s"), fc.nat(100_000))
    .map(([text, length]) => `/${text.padEnd(length, "s")}`),
);

const headers = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom("Accept-Encoding", "If-None-Match", "Host", "Connection"),
      fc.constantFrom(
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Upgrade",
      ),
      fc.constantFrom("X-Forwarded-For", "X-Real-IP", "Forwarded", "Range"),
      fc.string({ unit: "grapheme", maxLength: 6 }),
    ),
    fc.oneof(
      fc.constantFrom(
        "gzip",
        "*",
        "identity;q=0",
        "chunked",
        "5",
        "-1",
        "bytes=0-1",
      ),
      fc.constantFrom(
        LOCAL,
        "for=127.0.0.1",
        "100-continue",
        "websocket",
        '"',
        "W/",
      ),
      fc.string({ unit: "binary", maxLength: 10 }),
      fc.nat(60_000).map((length) => "x".repeat(length)),
    ),
  ).map(([name, value]) => `${name}: ${value}\r\n`),
  { maxLength: 4 },
).map((all) => all.join(""));

const methods = fc.oneof(
  { weight: 8, arbitrary: fc.constant("GET") },
  fc.constantFrom("HEAD", "POST", "OPTIONS", "PUT", "get", "CONNECT", "TRACE"),
  fc.string({ unit: "grapheme", maxLength: 5 }),
);

interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers: string;
}

const requests: fc.Arbitrary<Request> = fc.record({
  method: methods,
  target: urls,
  headers,
});

/** Whether it is a request at all, which is to be answered. */
function isSound({ method, target, headers }: Request): boolean {
  return /^(GET|HEAD|POST|OPTIONS|PUT)$/.test(method) &&
    /^\/[!-~]*$/.test(target) && target.length < 8_000 && headers === "";
}

/** What came back; it may go on when it is not the end. */
interface Reply {
  readonly bytes: Buffer;
  readonly isEnd: boolean;
}

/**
 * Sends a request, and reads until the other side is done.
 *
 * @param patience how long that may take, in ms; a stream's beginning will do
 */
function exchange(
  port: number,
  from: string,
  text: string,
  patience: number,
): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const socket = connect({ host: LOCAL, port, localAddress: from });
  const parts: Buffer[] = [];
  let isEnd = true;
  const cut = () => {
    isEnd = false;
    socket.destroy();
  };
  const timer = setTimeout(cut, patience);
  socket.on("data", (part: Buffer) => {
    parts.push(part);
    const isStream = /^HTTP[^]*\ncontent-type: text\/event-stream[^]*\n\n/i;
    if (isStream.test(Buffer.concat(parts).toString("latin1"))) cut();
  });
  // A server may hang up on nonsense.
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(timer);
    resolve({ bytes: Buffer.concat(parts), isEnd });
  });
  socket.write(text);
  return promise;
}

/** An answer's parts, when it is one; the body as text. */
function readAnswer({ bytes, isEnd }: Reply, method: string) {
  const end = bytes.indexOf("\r\n\r\n");
  assert(end !== -1, `no answer but ${JSON.stringify(bytes.toString())}`);
  const [line = "", ...fields] = bytes.toString("latin1", 0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d) /.exec(`${line} `)?.[1]);
  assert(!Number.isNaN(status), line);
  const headers = new Map(fields.map((field) => {
    const [, name, value] = /^([!#$%&'*+.^`|~\w-]+): ?([ -~]*)$/.exec(field) ??
      [];
    assert(name !== undefined && value !== undefined, `a header is ${field}`);
    return [name.toLowerCase(), value] as const;
  }));
  let body = bytes.subarray(end + 4);
  let rest = "";
  const length = headers.get("content-length");
  const isEmpty = method === "HEAD" || status === 304 || status < 200;
  if (isEnd && length !== undefined) {
    const own = isEmpty ? 0 : Number(length);
    assert(body.length >= own, "the body is cut off");
    rest = body.toString("latin1", own);
    body = body.subarray(0, own);
  }
  if (headers.get("content-encoding") === "gzip" && !isEmpty) {
    body = Buffer.from(gunzipSync(body));
  }
  return {
    status,
    head: bytes.toString("latin1", 0, end),
    body: body.toString(),
    rest,
  };
}

/** Calls of one that waits long for what must be answered, and shortly for nonsense. */
const [LONG, SHORT] = [5_000, 150];

/** Whatever is requested, the response is valid HTTP, and no caller gets data without the right. */
export async function targets(check: Check): Promise<void> {
  const content = new Map(Object.entries(cluster));
  for (const name of SECRETS) {
    assert(isSecret(name));
    content.set(`/lain/config/${name}${MARK}`, `${MARK} of ${name}`);
  }
  await using lainlet = await new TestLainlet(new MemoryStore(content)).ready();
  const { port } = new URL(lainlet.url);
  const callers = [LOCAL, NOBODY, await containerOf(lainlet.url)];
  const from = fc.constantFrom(...callers);
  await check(fc.asyncProperty(requests, from, async (request, from) => {
    const { method, target, headers } = request;
    const text = `${method} ${target} HTTP/1.1\r\nHost: x\r\n${headers}` +
      "Connection: close\r\n\r\n";
    const sound = isSound(request);
    const reply = await exchange(
      Number(port),
      from,
      text,
      sound ? LONG : SHORT,
    );
    // Nonsense need not be answered.
    if (sound || reply.bytes.includes("\r\n\r\n")) {
      const { status, head, body, rest } = readAnswer(reply, method);
      // A blank line in the headers makes two requests of one.
      assert(rest === "" || !sound && rest.startsWith("HTTP/1.1 "), rest);
      assert(status < 500 || status === 503, `status ${status}`);
      if (from !== LOCAL) assert(!`${head}${body}`.includes(MARK), "a secret");
      else if (method === "GET" && target === "/v2/configwatcher" && sound) {
        assert(body.includes(MARK), "a secret is missing");
      }
    }
    const { status } = await get(`${lainlet.url}/readyz`);
    assertEquals(status, 200);
  }));
}

/** The address of a container that may not ask everything. */
async function containerOf(url: string): Promise<string> {
  for (const [key, value] of Object.entries(cluster)) {
    const [address] = key.includes("/pod_groups/")
      ? /(?<="ContainerIp":\s*")127\.[\d.]+/.exec(value) ?? []
      : [];
    if (address === undefined) continue;
    const { status } = await get(`${url}/appname?ip=${address}`, address);
    if (status === 403) return address;
  }
  throw new Error("all containers are super");
}
