import { assert, assertEquals } from "@std/assert";
import { STATUS_CODE } from "@std/http/status";
import { golden } from "../../util/golden.ts";
import { TestLainlet } from "../../util/lainlet.ts";

Deno.test("an address that asks for much at once is not served before the others", async () => {
  await using test = await new TestLainlet(golden()).ready();
  const { lainlet } = test;
  let answered = 0;
  const ask = (peer: string) =>
    lainlet.answer({
      method: "GET",
      url: "http://localhost/metrics",
      peer,
      isNamed: true,
      accept: null,
      acceptEncoding: null,
      ifNoneMatch: null,
      prefer: null,
      lastEventId: null,
    });
  const COUNT = 25;
  const many = Array.from({ length: 4 }, async () => {
    for (let i = 0; i < COUNT; i++) {
      const answer = await ask("127.0.0.9");
      assertEquals("status" in answer && answer.status, STATUS_CODE.OK);
      answered++;
    }
  });
  // It comes last, when the time of the other address is used up.
  await new Promise((resolve) => setTimeout(resolve));
  const answer = await ask("127.0.0.8");
  assertEquals("status" in answer && answer.status, STATUS_CODE.OK);
  assert(answered < many.length * COUNT, `${answered} came first`);
  await Promise.all(many);
});
