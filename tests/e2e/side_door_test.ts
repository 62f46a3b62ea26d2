/**
 * What a page of another site can make a browser ask of lainlet.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TestBrowser } from "../util/browser.ts";
import { golden } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";

const EVIL = "evil.example";
const PATHS = [
  "/",
  "/ui/main.js",
  "/ui/worker.js",
  "/v2/configwatcher",
  "/v2/overview",
  "/debug",
  "/metrics",
  "/healthz",
  "/nowhere",
];

/** Asks with these headers and no others. */
async function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; head: string; body: string }> {
  const { hostname, port } = new URL(url);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({ ...headers, Connection: "close" })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  await conn.write(new TextEncoder().encode(request));
  const text = await new Response(conn.readable).text();
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, body };
}

Deno.test("a Host that is not known: 421 from the pages for people, and to browsers from everything", async () => {
  await using lainlet = await new TestLainlet(golden()).ready();
  const { host } = new URL(lainlet.url);
  const status = async (path: string, headers: Record<string, string>) =>
    (await ask(lainlet.url, path, headers)).status;
  for (const path of PATHS) {
    const good = await status(path, { Host: host });
    for (const name of [`localhost:9001`, "node1", "lainlet.lain:9001"]) {
      assertEquals([path, await status(path, { Host: name })], [path, good]);
    }
    // Deployed clients send whatever Host they like.
    const isForPeople = path === "/" || path.startsWith("/ui/");
    for (const name of [EVIL, "lainlet:9001", "x"]) {
      assertEquals(
        [path, name, await status(path, { Host: name })],
        [path, name, isForPeople ? 421 : good],
      );
    }
    const marks: Record<string, string>[] = [
      { Origin: `http://${EVIL}` },
      { "Sec-Fetch-Site": "same-origin" },
      { "Accept-Language": "" },
      { "User-Agent": "Mozilla/5.0" },
    ];
    for (const mark of marks) {
      assertEquals(
        [path, mark, await status(path, { Host: EVIL, ...mark })],
        [path, mark, 421],
      );
    }
    const others: Record<string, string>[] = [
      { Origin: `http://${EVIL}` },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
    ];
    for (const mark of others) {
      const { status, head } = await ask(lainlet.url, path, {
        Host: host,
        ...mark,
      });
      assertEquals([path, mark, status], [path, mark, 403]);
      assert(!/access-control/i.test(head), head);
    }
  }
  const watch = "/v2/configwatcher?watch=1";
  const refused = { Host: EVIL, "Accept-Language": "en" };
  assertEquals(await status(watch, refused), 421);
  assertEquals(lainlet.lainlet.limits.listeners, 0);
});

Deno.test("a browser: a page whose name resolves to this node reads nothing, and neither does another site's", async (t) => {
  await using lainlet = await new TestLainlet(golden()).ready();
  await using browser = await TestBrowser.launch([EVIL, "lainlet.lain"]);
  const { port } = new URL(lainlet.url);
  const read = (url: string, init: string) =>
    `fetch(${JSON.stringify(url)}, ${init}).then(
       async (answer) => [answer.status, await answer.text()], String)`;

  await t.step("by a name that it resolves to this node", async () => {
    const { page } = await browser.open(`http://${EVIL}:${port}/healthz`);
    for (const path of PATHS) {
      for (
        const init of [
          "{}",
          "{ referrerPolicy: 'no-referrer', credentials: 'omit' }",
          "{ headers: { 'Accept-Language': '', 'User-Agent': 'curl/8' } }",
        ]
      ) {
        const answer: unknown = await page.evaluate(read(path, init));
        const [status, body = ""] = Object(answer);
        assertEquals([path, init, status], [path, init, 421]);
        assert(body.startsWith("unknown host name"), body);
      }
    }
    const stream: unknown = await page.evaluate(
      `new Promise((resolve) => {
         const events = new EventSource("/v2/configwatcher?watch=1");
         events.addEventListener("init", () => resolve("init"));
         events.onerror = () => resolve("refused");
       })`,
    );
    assertEquals(stream, "refused");
    await page.close();
  });

  await t.step("of another site", async () => {
    await using site = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () =>
        new Response(`<a href="${lainlet.url}/">lainlet</a>`, {
          headers: { "Content-Type": "text/html" },
        }),
    );
    const { page } = await browser.open(`http://${EVIL}:${site.addr.port}/`);
    for (const path of PATHS) {
      const answer: unknown = await page.evaluate(
        read(lainlet.url + path, "{}"),
      );
      assertEquals([path, answer], [path, "TypeError: Failed to fetch"]);
    }
    const framed: unknown = await page.evaluate(
      `new Promise((resolve) => {
         const frame = document.createElement("iframe");
         frame.onload = () => resolve(frame.contentDocument === null);
         frame.src = "${lainlet.url}/";
         document.body.append(frame);
       })`,
    );
    assertEquals(framed, true);
    // A link to the dashboard is none of that.
    await page.getByText("lainlet").first().click();
    await page.getByText("Up to date", { exact: true }).waitFor();
    await page.close();
  });

  await t.step("by its own names the dashboard is there", async () => {
    for (const name of ["lainlet.lain", "localhost", "127.0.0.1"]) {
      const { page, problems } = await browser.open(`http://${name}:${port}/`);
      await page.getByText("Up to date", { exact: true }).waitFor();
      assertEquals([name, problems], [name, []]);
      await page.close();
    }
  });
});
