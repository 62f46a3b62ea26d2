import { assert } from "@std/assert";
import { get } from "../../util/client.ts";
import { run } from "../../util/debian.ts";
import { eventually, freePort, Program } from "../../util/process.ts";

const FIXTURE = `${import.meta.dirname}/../../fixtures/reopen.ts`;

/** The runtime that `deno task compile --runtime=npm` takes: a newer one reports failures earlier. */
const DENO = "deno@2.7.11";

/** Few enough to be used up. */
const DESCRIPTORS = 150;

const REQUEST = new TextEncoder().encode("GET /reopen HTTP/1.1\r\nHost: x\r\n");
const END = new TextEncoder().encode("\r\n");

Deno.test(`${DENO}: a port opens again when its last connection has just ended`, async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const [port, file] = [freePort(), `${folder}/ended`];
  // Started directly: a child of npm would not end with npm.
  const find = ["--", "bash", "-c", "command -v deno"];
  const deno = await run("npm", "exec", "--yes", `--package=${DENO}`, ...find);
  await using program = new Program("bash", [
    "-c",
    `ulimit -n ${DESCRIPTORS}; exec "$@"`,
    "bash",
    deno.trim(),
    "run",
    `--config=${import.meta.dirname}/../../../deno.json`,
    "--no-lock",
    "--no-prompt",
    "--allow-net",
    `--allow-read=${folder}`,
    FIXTURE,
    String(port),
    file,
  ]);
  const url = `http://127.0.0.1:${port}`;
  const isServed = async () => (await get(url)).status === 200 || undefined;
  await eventually("it is served", isServed);

  const conns: Deno.Conn[] = [];
  stack.defer(() => conns.forEach((conn) => conn.close()));
  await eventually("the port is closed", async () => {
    try {
      for (let i = 0; i < DESCRIPTORS; i++) {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port });
        conns.push(conn);
        await conn.write(REQUEST);
      }
    } catch (error) {
      // Connections that were not accepted are reset when the port is closed.
      return error instanceof Deno.errors.ConnectionRefused || undefined;
    }
  });
  await conns[0]?.write(END);
  await eventually(
    "it does nothing else",
    () => program.stdout.includes("waiting") || undefined,
  );
  for (const conn of conns.splice(0)) conn.close();
  await Deno.writeTextFile(file, "");
  try {
    await eventually("it is served again", isServed);
  } finally {
    assert(!program.stderr.includes("panicked"), program.stderr);
  }
});
