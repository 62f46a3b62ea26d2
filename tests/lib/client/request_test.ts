import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client, RefusedError } from "../../../lib/client/client.ts";
import { MAX_RETRY_AFTER } from "../../../lib/client/limits.ts";
import { parseRetryAfter } from "../../../lib/client/request.ts";
import { isRetryable } from "../../../lib/client/request.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** A proxy of a lainlet that can answer by itself. */
class Gate implements AsyncDisposable {
  /** The next answers, instead of lainlet's. */
  readonly refusals: Response[] = [];
  /** The requests, with their times. */
  readonly asked: { path: string; at: number }[] = [];
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor(target: string) {
    this.#http = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      handler: async (request) => {
        const { pathname, search } = new URL(request.url);
        const path = pathname.replace(/^\/lainlet\//, "/");
        this.asked.push({ path: pathname, at: performance.now() });
        const { signal } = request;
        return this.refusals.shift() ??
          await fetch(target + path + search, { signal });
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#http.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.shutdown();
  }
}

async function serve() {
  const stack = new AsyncDisposableStack();
  const store = new MemoryStore([["/lain/config/a", "1"]]);
  const { url } = await stack.use(new TestLainlet(store)).ready();
  const gate = stack.use(new Gate(url));
  return {
    gate,
    lainlet: url,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

Deno.test("client: a base may end with a slash, and have a path", async () => {
  await using s = await serve();
  for (
    const [base, root] of [
      [s.gate.url, ""],
      [`${s.gate.url}/`, ""],
      [`${s.gate.url}/lainlet`, "/lainlet"],
      [`${s.gate.url}/lainlet//?x#y`, "/lainlet"],
    ] as const
  ) {
    const client = new Client(base);
    assertEquals(await client.get("configwatcher", {}), { a: "1" });
    assertEquals((await client.get("/debug", {})).store.source, "memory");
    const watch = client.watch("configwatcher", { target: "a" });
    assertEquals((await watch.next()).value?.data, { a: "1" });
    await watch.return();
    assertEquals(s.gate.asked.splice(0).map(({ path }) => path), [
      `${root}/v2/configwatcher`,
      `${root}/debug`,
      `${root}/v2/configwatcher`,
    ]);
  }
  for (const base of ["127.0.0.1:9001", "localhost:9001", "file:///etc"]) {
    const client = new Client(base);
    await assertRejects(() => client.get("nodes", {}), TypeError);
    await assertRejects(() => client.watch("nodes", {}).next(), TypeError);
  }
});

Deno.test("client: a watch waits as Retry-After asks, and continues", async () => {
  await using s = await serve();
  const at = (ms: number) => new Date(Date.now() + ms).toUTCString();
  const refusals = [
    [408, undefined],
    [425, "0"],
    [429, "1"],
    // Dates have whole seconds.
    [429, at(2_900)],
    [503, "1"],
  ] as const;
  await Promise.all(refusals.map(async ([status, retryAfter]) => {
    await using gate = new Gate(s.lainlet);
    const headers: HeadersInit = retryAfter === undefined
      ? {}
      : { "Retry-After": retryAfter };
    gate.refusals.push(new Response("not now", { status, headers }));
    const problems: (string | undefined)[] = [];
    const watch = new Client(gate.url).watch("configwatcher", {}, {
      onStatus: ({ problem }) => problems.push(problem),
    });
    assertEquals((await watch.next()).value?.data, { a: "1" });
    await watch.return();
    assertEquals(problems, ["not now", undefined], `${status}`);
    const [first, second] = gate.asked;
    const waited = (second?.at ?? 0) - (first?.at ?? 0);
    const least = retryAfter === undefined || retryAfter === "0" ? 0 : 1_000;
    assert(waited >= least, `${status}: ${waited} ms`);
  }));
});

Deno.test("client: get throws how long Retry-After asks to wait", async () => {
  await using s = await serve();
  const headers = { "Retry-After": "7" };
  s.gate.refusals.push(new Response("not now", { status: 429, headers }));
  const client = new Client(s.gate.url);
  const error = await assertRejects(
    () => client.get("nodes", {}),
    RefusedError,
  );
  assertEquals([error.status, error.retryAfter], [429, 7_000]);
});

Deno.test("client: Retry-After is seconds or a date, and has a bound", () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const cases: [header: string | null, wait: number | undefined][] = [
    [null, undefined],
    ["", undefined],
    ["soon", undefined],
    ["0", 0],
    ["12", 12_000],
    ["61", MAX_RETRY_AFTER],
    ["9".repeat(400), MAX_RETRY_AFTER],
    ["-1", 0],
    ["Fri, 02 Jan 2026 03:04:15 GMT", 10_000],
    // The forms that RFC 9110, 5.6.7 calls obsolete.
    ["Friday, 02-Jan-26 03:04:15 GMT", 10_000],
    ["Fri, 02 Jan 2026 02:00:00 GMT", 0],
    ["Sat, 03 Jan 2026 03:04:05 GMT", MAX_RETRY_AFTER],
  ];
  for (const [header, wait] of cases) {
    assertEquals(parseRetryAfter(header, now), wait, `${header}`);
  }
  assertEquals(
    [400, 401, 403, 404, 408, 421, 425, 429, 500, 503].filter(isRetryable),
    [408, 425, 429, 500, 503],
  );
});
