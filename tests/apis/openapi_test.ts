import { Validator } from "@seriousme/openapi-schema-validator";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import Ajv2020 from "ajv/dist/2020.js";
import * as apis from "../../apis/mod.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get, Stream } from "../util/client.ts";
import { cluster, expectations } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string }[];
  readonly responses: Record<
    string,
    { readonly content?: Record<string, { readonly schema: object }> }
  >;
}

interface Document {
  readonly info: { readonly version: string };
  readonly paths: Record<string, { readonly get: Operation }>;
}

async function read(url: string): Promise<Document> {
  const { status, headers, body } = await get(`${url}/openapi.json`);
  assertEquals(status, 200);
  assertStringIncludes(headers.get("Content-Type") ?? "", "application/json");
  return JSON.parse(body);
}

Deno.test("/openapi.json is a valid OpenAPI 3.1 document of every endpoint", async () => {
  await using lainlet = new TestLainlet(new MemoryStore([]));
  const document = await read(lainlet.url);
  const { valid, errors } = await new Validator().validate({ ...document });
  assert(valid, JSON.stringify(errors));
  assertEquals(
    Object.keys(document.paths).sort(),
    Object.values(apis).flatMap(({ paths }) => [...paths]).sort(),
  );
  const ids = Object.values(document.paths).map((item) => item.get.operationId);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("every golden answer is one that /openapi.json tells of", async (t) => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const { paths } = await read(lainlet.url);
  const ajv = new Ajv2020.default({ strict: true });
  const seen = new Set<string>();
  for (const { from, path, status, body } of expectations) {
    await t.step(`${path} from ${from}`, () => {
      const { pathname, searchParams } = new URL(path, lainlet.url);
      const operation = paths[pathname.replace(/(.)\/$/, "$1")]?.get;
      if (operation === undefined) return assertEquals(status, 404);
      const names = operation.parameters.map(({ name }) => name);
      for (const name of searchParams.keys()) {
        assert(names.includes(name), name);
      }
      if (status !== 200) return assert("default" in operation.responses);
      const json = operation.responses[200]?.content?.["application/json"];
      if (json === undefined) return assertEquals(typeof body, "string");
      const validate = ajv.compile(json.schema);
      assert(validate(body), JSON.stringify(validate.errors));
      seen.add(pathname);
      // A schema that takes anything would be none.
      assert(!validate("text") && !validate({ a: 0 }) && !validate([{ a: 0 }]));
    });
  }
  assert(seen.size >= 15, [...seen].join());
});

Deno.test("streams are what /openapi.json tells of, too", async () => {
  const store = new MemoryStore(Object.entries(cluster));
  await using lainlet = new TestLainlet(store);
  await lainlet.ready();
  const { paths } = await read(lainlet.url);
  const ajv = new Ajv2020.default({ strict: true });
  const answers = new Set<string>();
  for (
    const [path, { get: { parameters, responses } }] of Object.entries(paths)
  ) {
    if (!parameters.some(({ name }) => name === "watch")) continue;
    const json = responses[200]?.content?.["application/json"];
    assert(json, path);
    await using stream = await Stream.open(
      `${lainlet.url}${path}?watch=1&appname=*`,
    );
    const event = await stream.next();
    if (event?.event === "error") continue;
    const validate = ajv.compile(json.schema);
    assert(validate(event?.data), JSON.stringify([path, validate.errors]));
    answers.add(path);
  }
  assert(answers.size >= 12, [...answers].join());
});
