import { Validator } from "@seriousme/openapi-schema-validator";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import Ajv2020 from "ajv/dist/2020.js";
import config from "../../deno.json" with { type: "json" };
import * as apis from "../../apis/mod.ts";
import type { CustomEndpoint } from "../../lib/view/custom_endpoint.ts";
import type { View } from "../../lib/view/view.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get, Stream } from "../util/client.ts";
import { exampleCluster } from "../util/example.ts";
import { cluster, expectations } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { Program } from "../util/process.ts";

type Components = Record<string, Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly example?: string;
}

interface Response {
  readonly headers?: Record<string, { readonly required?: boolean }>;
  readonly content?: Record<
    string,
    { readonly schema: object; readonly example?: unknown }
  >;
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly responses: Record<string, Response>;
}

interface Document {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Record<string, { readonly get: Operation }>;
  readonly components: Components;
}

/** Reads the document: as it is, and with all references resolved but those to schemas. */
async function read(url: string): Promise<{ text: string } & Document> {
  const { status, headers, body: text } = await get(`${url}/openapi.json`);
  assertEquals(status, 200);
  assertStringIncludes(headers.get("Content-Type") ?? "", "application/json");
  const { components }: Document = JSON.parse(text);
  const followed = JSON.stringify(JSON.parse(text), (_key, value: unknown) => {
    const { $ref } = Object(value);
    if (typeof $ref !== "string" || $ref.includes("/schemas/")) return value;
    const [, , kind = "", name = ""] = $ref.split("/");
    const found = components[kind]?.[name];
    assert(found !== undefined, $ref);
    return found;
  });
  const document: Document = JSON.parse(followed);
  return { text, ...document };
}

const ajv = new Ajv2020.default({ strict: true }).addKeyword("components");

/** Validates values against a schema of the document. */
function checkOf(schema: object, { components }: Document) {
  const { schemas } = components;
  return ajv.compile({ ...schema, components: { schemas } });
}

/** Checks that a response has its required headers, and no declared header that is not its own. */
function checkHeaders(
  actual: Headers,
  { headers = {} }: Response,
  { components }: Document,
): void {
  for (const [name, { required }] of Object.entries(headers)) {
    if (required) assert(actual.has(name), name);
  }
  for (const name of Object.keys(components.headers ?? {})) {
    assert(name in headers || !actual.has(name), name);
  }
}

/** Sends a request with the examples of an operation's parameters. */
function exampleQuery(
  { parameters }: Operation,
  other: Record<string, string> = {},
): string {
  const query = new URLSearchParams(
    parameters.flatMap(({ name, example }) =>
      example === undefined ? [] : [[name, other[name] ?? example]]
    ),
  ).toString();
  return query && `?${query}`;
}

Deno.test("/openapi.json is a valid OpenAPI 3.1 document of every endpoint", async () => {
  await using lainlet = new TestLainlet(new MemoryStore([]));
  const { text, paths, tags, components } = await read(lainlet.url);
  const { valid, errors } = await new Validator().validate(JSON.parse(text));
  assert(valid, JSON.stringify(errors));
  assertEquals(
    Object.keys(paths).sort(),
    Object.values(apis).flatMap(({ paths }) => [...paths]).sort(),
  );
  const operations = Object.values(paths).map((item) => item.get);
  const ids = operations.map(({ operationId }) => operationId);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(
    [...new Set(operations.flatMap(({ tags }) => tags))].sort(),
    tags.map(({ name }) => name).sort(),
  );
  for (const [kind, all] of Object.entries(components)) {
    for (const name of Object.keys(all)) {
      const reference = JSON.stringify(`#/components/${kind}/${name}`);
      assert(text.includes(reference), `nothing refers to ${reference}`);
    }
  }
});

Deno.test("/openapi.json: Redocly's rules find nothing", async () => {
  await using lainlet = new TestLainlet(new MemoryStore([]));
  const { text } = await read(lainlet.url);
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, text);
    await using program = new Program("deno", [
      ...["run", "--no-prompt", "--allow-read", "--allow-env", "--allow-sys"],
      ...[`${config.imports["@redocly/cli"]}/redocly`, "lint", file],
      "--format=json",
    ]);
    const { code } = await program.ended();
    const { problems } = JSON.parse(program.stdout);
    assertEquals(problems, []);
    assertEquals(code, 0, program.stderr);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("/openapi.json: every golden response matches its schema", async (t) => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const document = await read(lainlet.url);
  const seen = new Set<string>();
  for (const { from, path, status, body } of expectations) {
    await t.step(`${path} from ${from}`, async () => {
      const { pathname, searchParams } = new URL(path, lainlet.url);
      const operation = document.paths[pathname.replace(/(.)\/$/, "$1")]?.get;
      if (operation === undefined) return assertEquals(status, 404);
      const names = operation.parameters.map(({ name }) => name);
      for (const name of searchParams.keys()) {
        assert(names.includes(name), name);
      }
      const response = operation.responses[status];
      assert(response !== undefined, `${status}`);
      const { headers } = await get(lainlet.url + path, from);
      checkHeaders(headers, response, document);
      if (status !== 200) return;
      const json = response.content?.["application/json"];
      if (json === undefined) return assertEquals(typeof body, "string");
      const validate = checkOf(json.schema, document);
      assert(validate(body), JSON.stringify(validate.errors));
      seen.add(pathname);
      // A schema that accepts anything would prove nothing.
      assert(!validate("text") && !validate({ a: 0 }) && !validate([{ a: 0 }]));
    });
  }
  assert(seen.size >= 15, [...seen].join());
});

Deno.test("/openapi.json: other JSON responses, and streams, match it, too", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const document = await read(lainlet.url);
  const answers = new Set<string>();
  for (const [path, { get: operation }] of Object.entries(document.paths)) {
    const json = operation.responses[200]?.content?.["application/json"];
    // Another test validates this document.
    if (json === undefined || path === "/openapi.json") continue;
    const validate = checkOf(json.schema, document);
    const all = exampleQuery(operation, {
      appname: "*",
      ip: "127.20.0.12",
      target: "*",
    });
    const { status, body } = await get(`${lainlet.url}${path}${all}`);
    if (status === 503) continue;
    assert(
      validate(JSON.parse(body)),
      `${path} ${ajv.errorsText(validate.errors)}`,
    );
    answers.add(path);
    if (!operation.parameters.some(({ name }) => name === "watch")) continue;
    await using stream = await Stream.open(
      `${lainlet.url}${path}${all === "" ? "?" : `${all}&`}watch=1`,
    );
    const { data } = await stream.next() ?? {};
    assert(validate(data), `${path} ${ajv.errorsText(validate.errors)}`);
  }
  assert(answers.size >= 18, [...answers].join());
  const several = document.paths["/v2/watch"]?.get.responses[200];
  assert(several?.headers?.["Cache-Control"]?.required);
  await using stream = await Stream.open(`${lainlet.url}/v2/watch?view=nodes`);
  checkHeaders(stream.response.headers, several, document);
});

Deno.test("/openapi.json: its examples are the responses for the example cluster", async () => {
  const store = new MemoryStore(Object.entries(exampleCluster));
  await using lainlet = await new TestLainlet(store).ready();
  const { paths } = await read(lainlet.url);
  const compared = new Set<string>();
  for (const [path, { get: operation }] of Object.entries(paths)) {
    const url = `${lainlet.url}${path}${exampleQuery(operation)}`;
    const content = operation.responses[200]?.content ?? {};
    for (const [type, { example }] of Object.entries(content)) {
      if (example === undefined) continue;
      compared.add(path);
      if (type === "text/event-stream") {
        const mark = url.includes("?") ? "&" : "?";
        const response = await fetch(`${url}${mark}watch=1`);
        const reader = response.body?.getReader();
        const { value } = await reader?.read() ?? {};
        await reader?.cancel();
        assertEquals(
          frameOf(new TextDecoder().decode(value)),
          frameOf(example),
        );
        continue;
      }
      const { body } = await get(url);
      const answer = type === "application/json" ? JSON.parse(body) : body;
      assertEquals(answer, example, path);
    }
  }
  assert(compared.size >= 19, [...compared].join());
});

/** An event with sorted members in its data. */
function frameOf(text: unknown): unknown {
  const [, head, data = ""] = /^(.*?data: )(.*)\n\n$/s.exec(`${text}`) ?? [];
  return [head, JSON.parse(data)];
}

/** Sends a request with a host name, as a browser does. */
async function getByName(
  url: string,
  name: string,
): Promise<Awaited<ReturnType<typeof get>>> {
  const { hostname, port, pathname } = new URL(url);
  using conn = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${name}\r\n` +
    "User-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n";
  await conn.write(new TextEncoder().encode(request));
  const text = await new Response(conn.readable).text();
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const [name = "", value = ""] = line.split(": ");
    return [name, value];
  });
  const status = Number(line.split(" ")[1]);
  return { status, headers: new Headers(headers), body };
}

Deno.test("/openapi.json: refusals have the declared statuses, texts and headers", async () => {
  await using none = new TestLainlet(new MemoryStore([]));
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = await new TestLainlet(store).ready();
  const document = await read(lainlet.url);
  const { paths } = document;
  const nodes = `${lainlet.url}/v2/nodes`;
  const etag = (await get(nodes)).headers.get("ETag") ?? "";
  const asked: Record<number, Promise<Awaited<ReturnType<typeof get>>>> = {
    304: get(nodes, undefined, {
      headers: { "If-None-Match": etag, "Prefer": "wait=0" },
    }),
    400: get(`${lainlet.url}/v2/procwatcher`),
    403: get(nodes, "127.20.0.12"),
    404: get(`${lainlet.url}/appname?ip=192.0.2.1`),
    414: get(`${nodes}?${"x".repeat(8_192)}`),
    421: getByName(nodes, "elsewhere.example"),
    431: get(nodes, undefined, { headers: { "X-Much": "x".repeat(33_000) } }),
    503: get(`${none.url}/v2/nodes`),
  };
  for (const [status, answer] of Object.entries(asked)) {
    const { status: actual, headers, body } = await answer;
    assertEquals(String(actual), status, body);
    const path = status === "404"
      ? "/appname"
      : status === "400"
      ? "/v2/procwatcher"
      : "/v2/nodes";
    const response = paths[path]?.get.responses[status];
    assert(response !== undefined, status);
    assertEquals(body, response.content?.["text/plain"]?.example ?? "");
    checkHeaders(headers, response, document);
    if (status !== "304") continue;
    // Headers that depend on the request or the state.
    assertEquals(headers.get("Lainlet-Revision"), "1");
    assertEquals(headers.get("Preference-Applied"), "wait=0");
  }
  // Every declared status was seen, except 500, which takes a bug.
  const told = Object.values(paths).flatMap((item) =>
    Object.keys(item.get.responses)
  );
  assertEquals(
    new Set(told),
    new Set(["200", "500", ...Object.keys(asked)]),
  );
});

Deno.test("/openapi.json: each endpoint is for the callers that it declares", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = await new TestLainlet(store).ready();
  const { paths } = await read(lainlet.url);
  // A container of app000, an unknown address, a local caller.
  const callers = ["127.20.0.12", "127.99.0.1", "127.0.0.1"];
  const expected = {
    all: [true, true, true],
    app: [true, false, true],
    super: [false, false, true],
  };
  for (const endpoint of Object.values<View | CustomEndpoint>(apis)) {
    for (const path of endpoint.paths) {
      const operation = paths[path]?.get;
      assert(operation !== undefined, path);
      const own = { appname: "app000", ip: "127.20.0.12" };
      const url = `${lainlet.url}${path}${exampleQuery(operation, own)}`;
      const mayAsk = await Promise.all(
        callers.map(async (from) => (await get(url, from)).status !== 403),
      );
      assertEquals(mayAsk, expected[endpoint.mayAsk], path);
    }
  }
});
