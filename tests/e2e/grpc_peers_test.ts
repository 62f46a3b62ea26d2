/**
 * gRPC for clients of HTTP/2 that were not written here: nghttp2's, Node's, and
 * gRPC's own in C.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { messageFrame } from "../../lib/grpc/message.ts";
import { golden } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { Program } from "../util/process.ts";

const FIXTURES = `${import.meta.dirname}/../fixtures/`;

/** What a program prints, which must be well. */
async function run(command: string, ...args: string[]): Promise<string> {
  await using program = new Program(command, args);
  const { code } = await program.ended();
  assertEquals(code, 0, program.stdout + program.stderr);
  return program.stdout;
}

Deno.test("gRPC is served to clients of others", async (t) => {
  await using lainlet = await new TestLainlet(golden()).ready();
  const request = await Deno.makeTempFile({ prefix: "lainlet-grpc-" });
  await Deno.writeFile(request, messageFrame([]));
  const port = `${lainlet.rpcPort}`;
  const call = [
    "--header=content-type: application/grpc",
    "--header=te: trailers",
    `--data=${request}`,
    `http://127.0.0.1:${port}/message.Config/Get`,
  ];
  for (
    const option of [
      "--header-table-size=0",
      "--header-table-size=2048",
      "--encoder-header-table-size=0",
      "--continuation",
      "--padding=255",
      "--trailer=a: b",
      "--no-dep",
    ]
  ) {
    await t.step(`nghttp ${option}`, async () => {
      const args = ["--null-out", "--verbose", "--multiply=3"];
      const text = await run("nghttp", ...args, option, ...call);
      const ok = text.match(/recv \(stream_id=\d+\) grpc-status: 0$/gm);
      assertEquals(ok?.length, 3, text);
    });
  }
  await t.step("h2load", async () => {
    const args = [
      "--requests=400",
      "--clients=4",
      "--max-concurrent-streams=9",
    ];
    const text = await run("h2load", ...args, "--header-table-size=0", ...call);
    assertMatch(text, /^status codes: 400 2xx, 0 3xx, 0 4xx, 0 5xx$/m);
  });
  await t.step("node:http2", async () => {
    const outcomes = JSON.parse(
      await run("node", `${FIXTURES}calls.mjs`, port),
    );
    const ok = [200, "0"];
    assertEquals(outcomes, [ok, ok, ok, [200, "12"], [431, null], ok]);
  });
  await t.step("python3-grpcio", async () => {
    const text = await run("/usr/bin/python3", `${FIXTURES}calls.py`, port);
    assertEquals(
      JSON.parse(text),
      ["OK", "INTERNAL", "UNIMPLEMENTED", "UNKNOWN", "OK"],
    );
  });
  await Deno.remove(request);
});
