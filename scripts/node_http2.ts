/**
 * Tries whether a server of `node:http2` could take the place of `lib/http2`:
 * whether it outlives clients of Node.js that leave amid streams, and whether it
 * takes more than a client reads. The Deno that runs it is the one that is tried.
 *
 *     deno run --allow-net=127.0.0.1 --allow-run scripts/node_http2.ts [SECONDS]
 *
 * @module
 */
import { createServer, type ServerHttp2Stream } from "node:http2";

/** How many connections a client has, and streams on each. */
const CONNECTIONS = 50;
const STREAMS = 6;

/** What is written to a client that reads nothing, and what it may be given, in bytes. */
const WRITTEN = 64 * 1024 * 1024;
const BUFFERED = 16 * 1024 * 1024;

/**
 * The server: streams without end, of which some are large. `/unread` is
 * answered with as much as is taken, `/taken` with how much that was.
 */
function serve(port: number): void {
  // What is thrown could be caught; what ends the process could not.
  addEventListener("error", (event) => event.preventDefault());
  const chunk = new Uint8Array(16 * 1024);
  const open = new Set<ServerHttp2Stream>();
  let taken = 0;
  const fill = (stream: ServerHttp2Stream) => {
    stream.write(chunk, (error) => {
      if (!error) taken += chunk.length;
      if (!error && taken < WRITTEN) fill(stream);
    });
  };
  const server = createServer();
  server.on("session", (session) => session.on("error", () => {}));
  server.on("stream", (stream: ServerHttp2Stream, { ":path": path }) => {
    stream.on("error", () => {});
    stream.on("close", () => open.delete(stream));
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ done: "1" }));
    if (path === "/taken") return stream.end(`${taken}`);
    if (path === "/unread") return fill(stream);
    stream.write(chunk.subarray(0, path === "/large" ? chunk.length : 100));
    open.add(stream);
  });
  setInterval(() => {
    for (const stream of open) {
      if (Math.random() < 0.01) stream.end();
      else stream.write(chunk.subarray(0, 200));
    }
  }, 10);
  server.listen(port, "127.0.0.1");
}

/** A client, in Node.js: leaves amid its streams in each of the ways there are. */
async function leave(port: number, connections: number, streams: number) {
  const { connect } = await import("node:http2");
  const { default: process } = await import("node:process");
  for (let i = 0; i < connections; i++) {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    for (let j = 0; j < streams; j++) {
      const stream = session.request({ ":path": j % 2 ? "/large" : "/" });
      stream.on("error", () => {});
      stream.resume();
      if (j === 0) setTimeout(() => stream.close(8), 500 * Math.random());
    }
    if (i % 4 === 0) setTimeout(() => session.close(), 300);
    if (i % 4 === 1) setTimeout(() => session.destroy(), 500 * Math.random());
  }
  setTimeout(() => process.exit(), 400 + 400 * Math.random());
}

/** A client, in Node.js: reads nothing for a while, and prints how much was taken. */
async function ask(port: number, wait: number) {
  const { connect } = await import("node:http2");
  const session = connect(`http://127.0.0.1:${port}`);
  if (wait > 0) session.request({ ":path": "/unread" });
  setTimeout(() => {
    const other = connect(`http://127.0.0.1:${port}`);
    const stream = other.request({ ":path": "/taken" }).setEncoding("utf8");
    stream.on("data", (text) => console.log(text));
    stream.on("close", () => {
      session.destroy();
      other.destroy();
    });
  }, wait);
}

/** What a function prints that Node.js runs; undefined: it fails, or hangs. */
async function inNode(
  main: typeof leave | typeof ask,
  ...args: readonly number[]
): Promise<string | undefined> {
  const { code, stdout } = await new Deno.Command("node", {
    args: ["--eval", `(${main})(${args})`],
    stderr: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  return code === 0 ? new TextDecoder().decode(stdout).trim() : undefined;
}

/** Starts a server of this file in a separate process, and waits until it responds. */
async function start(): Promise<{ port: number; server: Deno.ChildProcess }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const server = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net=127.0.0.1",
      import.meta.filename ?? "",
      "serve",
      `${port}`,
    ],
    stdout: "null",
  }).spawn();
  while (await inNode(ask, port, 0) === undefined);
  return { port, server };
}

/** Why a server that clients leave fails; undefined: it did not. */
async function outlives(seconds: number): Promise<string | undefined> {
  const { port, server } = await start();
  let end: Deno.CommandStatus | undefined;
  server.status.then((status) => end = status);
  const until = performance.now() + 1_000 * seconds;
  let clients = 0;
  while (end === undefined && performance.now() < until) {
    await inNode(leave, port, CONNECTIONS, STREAMS);
    clients++;
  }
  const answer = await inNode(ask, port, 0);
  const left = clients * CONNECTIONS;
  console.log(
    `${left} connections were left, with ${left * STREAMS} streams.`,
  );
  if (end !== undefined) return `it ended: ${end.signal ?? end.code}`;
  server.kill("SIGKILL");
  await server.status;
  return answer === undefined ? "it answers no more" : undefined;
}

/** Why a server fails whose client does not read; undefined: it does not. */
async function holdsBack(): Promise<string | undefined> {
  const { port, server } = await start();
  const taken = Number(await inNode(ask, port, 3_000));
  server.kill("SIGKILL");
  await server.status;
  console.log(`${taken} bytes were taken for a client that reads nothing.`);
  if (taken > BUFFERED) return "it does not hold back";
  return Number.isNaN(taken) ? "it does not answer" : undefined;
}

const [first = "60", port] = Deno.args;
if (first === "serve") serve(Number(port));
else {
  const faults = [await holdsBack(), await outlives(Number(first))]
    .filter((fault) => fault !== undefined);
  console.log(
    `node:http2 of Deno ${Deno.version.deno} ` +
      (faults.length > 0
        ? `fails: ${faults.join("; ")}.`
        : "did not fail: lib/http2 may be needed no more."),
  );
}
