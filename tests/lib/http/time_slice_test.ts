import { assert, assertEquals } from "@std/assert";
import { STATUS_CODE } from "@std/http/status";
import type {
  CustomEndpoint,
  HttpRequest,
} from "../../../lib/view/custom_endpoint.ts";
import { golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";

/** A GET, as passed to a request handler. */
function askFor(path: string, peer: string): HttpRequest {
  return {
    method: "GET",
    url: `http://localhost${path}`,
    peer,
    isKnownHost: true,
    accept: null,
    acceptEncoding: null,
    ifNoneMatch: null,
    prefer: null,
    lastEventId: null,
  };
}

Deno.test("many requests of one address do not delay other addresses", async () => {
  await using test = await new TestLainlet(golden()).ready();
  const { lainlet } = test;
  let answered = 0;
  const ask = (peer: string) => lainlet.handle(askFor("/metrics", peer));
  const COUNT = 25;
  const many = Array.from({ length: 4 }, async () => {
    for (let i = 0; i < COUNT; i++) {
      const answer = await ask("127.0.0.9");
      assertEquals("status" in answer && answer.status, STATUS_CODE.OK);
      answered++;
    }
  });
  // The last request, when the time slice of the other address is used up.
  await new Promise((resolve) => setTimeout(resolve));
  const answer = await ask("127.0.0.8");
  assertEquals("status" in answer && answer.status, STATUS_CODE.OK);
  assert(answered < many.length * COUNT, `${answered} came first`);
  await Promise.all(many);
});

Deno.test("concurrent requests of one address share a time slice", async () => {
  let begun = 0;
  const page: CustomEndpoint = {
    paths: ["/dear"],
    summary: "Takes 5 ms.",
    params: {},
    mayAsk: "all",
    mediaType: "text/plain",
    respond() {
      begun++;
      for (const begin = performance.now(); performance.now() - begin < 5;);
      return { status: STATUS_CODE.OK, headers: {}, body: null };
    },
  };
  await using test = new TestLainlet(golden(), { endpoints: [page] });
  const answers = Array.from(
    { length: 20 },
    () => test.lainlet.handle(askFor("/dear", "127.0.0.9")),
  );
  assert(begun <= 4, `${begun} at once`);
  for (const answer of await Promise.all(answers)) {
    assertEquals("status" in answer && answer.status, STATUS_CODE.OK);
  }
});
