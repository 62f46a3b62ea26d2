/**
 * Without file descriptors, lainlet goes on with what it has, and accepts
 * connections again when there are some.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { TYPE } from "../../lib/http2/frame.ts";
import { get, Stream } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { CLUSTER_FILE } from "../util/golden.ts";
import { Http2Peer } from "../util/http2_peer.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { becomes, eventually, freePort, Program } from "../util/process.ts";
import { Proxy } from "../util/proxy.ts";

const LIMIT = 100;

const OUT = /level=error \S+ msg="out of file descriptors, .*\n/g;
const AGAIN = 'msg="new connections are accepted again"';

/** Half of a request. */
const HALF = new TextEncoder().encode("GET /healthz HTTP/1.1\r\nHost: x\r\n");

/** Connections that send something, by default a request for a stream, and are left alone. */
class Crowd implements Disposable {
  readonly #conns: Deno.Conn[] = [];

  constructor(
    private readonly url: string,
    private readonly bytes = request("/v2/nodes?watch=1"),
  ) {}

  /** Adds some; they may be refused. */
  async grow(): Promise<void> {
    for (let i = 0; i < 10; i++) await this.#add();
  }

  async #add(): Promise<void> {
    const { hostname, port } = new URL(this.url);
    try {
      const conn = await Deno.connect({ hostname, port: Number(port) });
      this.#conns.push(conn);
      await conn.write(this.bytes);
    } catch {
      // That is what this is about.
    }
  }

  [Symbol.dispose](): void {
    for (const conn of this.#conns.splice(0)) conn.close();
  }
}

function request(path: string): Uint8Array {
  return new TextEncoder().encode(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  );
}

/** Sends a request on an open connection. @returns the response, head and body */
async function ask(conn: Deno.Conn, path: string): Promise<string> {
  await conn.write(request(path));
  const bytes = new Uint8Array(1 << 20);
  // A character for each byte.
  const decoder = new TextDecoder("latin1");
  let text = "";
  for (;;) {
    const length = await conn.read(bytes);
    if (length === null) throw new Error("the connection was closed");
    text += decoder.decode(bytes.subarray(0, length));
    const [head = "", body] = text.split("\r\n\r\n");
    const size = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    if (body !== undefined && body.length >= size) return text;
  }
}

/** CPU time of a process, in seconds. */
async function cpuOf(pid: number): Promise<number> {
  await using program = new Program("cat", [`/proc/${pid}/stat`]);
  await program.ended();
  // In user and in system mode, in hundredths, behind the name: proc(5).
  const [, rest = ""] = program.stdout.split(") ");
  const [user, system] = rest.split(" ").slice(11).map(Number);
  return ((user ?? NaN) + (system ?? NaN)) / 100;
}

for (const target of ["source", "binary"] as const) {
  for (const threads of [1, 2]) {
    Deno.test(`${target}, threads: ${threads}: out of file descriptors, and back`, async (t) => {
      await using etcd = await TestEtcd.start();
      await etcd.write({ "/lain/config/domain": "0" });
      await using way = new Proxy(etcd.endpoint);
      await using lainlet = await LainletProcess.start(target, [
        // By a name: to look it up takes descriptors, too.
        `--etcd=localhost:${way.port}`,
        `--workers=${threads}`,
      ], { descriptors: LIMIT });
      const { url, program } = lainlet;
      const told = () => program.stderr.match(OUT)?.length ?? 0;
      await using stream = await Stream.open(
        `${url}/v2/configwatcher?target=domain&watch=1`,
      );
      assertEquals((await stream.next())?.id, "1");
      const { hostname, port } = new URL(url);
      using open = await Deno.connect({ hostname, port: Number(port) });
      assertMatch(await ask(open, "/healthz"), /^HTTP\/1.1 200 /);

      let number = 0;
      const follows = async () => {
        const domain = String(++number);
        await etcd.write({ "/lain/config/domain": domain });
        assertEquals(await stream.next(), {
          id: String(number + 1),
          event: "update",
          data: { domain },
        });
      };

      await t.step("the start says that there are few", () => {
        assertMatch(
          program.stderr,
          /level=warning \S+ msg="there are few file descriptors: .+" descriptors=\d\d listeners=20000\n/,
        );
      });

      using crowd = new Crowd(url);
      const [cpu, begin] = [await cpuOf(program.pid), performance.now()];
      const exhausted = () =>
        eventually("no connection is accepted", async () => {
          await crowd.grow();
          return told() > 0 && await lainlet.sockets() === 0 || undefined;
        });

      await t.step("it says so", async () => {
        await exhausted();
        assertMatch(program.stderr, /LimitNOFILE.* connections=\d\d /);
      });

      await t.step("streams and open connections are served", async () => {
        await follows();
        assertMatch(await ask(open, "/healthz"), /^HTTP\/1.1 200 /);
        assertMatch(await ask(open, "/"), /^HTTP\/1.1 200 /);
      });

      await t.step("a lost connection to etcd comes back", async () => {
        const accepted = way.accepted;
        way.fault = "cut";
        await eventually(
          "it is missed",
          () => way.accepted > accepted || undefined,
        );
        way.fault = "none";
        await follows();
        assertEquals(await lainlet.sockets(), 0);
      });

      await t.step("it waits without work, and says no more", async () => {
        const seconds = await eventually("some have passed", async () => {
          const [, text] =
            /^lainlet_out_of_descriptors_seconds_total (\d+)$/m.exec(
              await ask(open, "/metrics"),
            ) ?? [];
          return Number(text) >= 3 ? Number(text) : undefined;
        });
        const elapsed = (performance.now() - begin) / 1000;
        const used = await cpuOf(program.pid) - cpu;
        assert(seconds <= elapsed + 1, `${seconds} s in ${elapsed} s`);
        assert(used < elapsed / 4, `${used} s of CPU time in ${elapsed} s`);
        assertEquals(told(), 1);
      });

      await t.step("with descriptors it accepts on all threads", async () => {
        crowd[Symbol.dispose]();
        await eventually(
          "it says so",
          () => program.stderr.includes(AGAIN) || undefined,
        );
        await becomes("who accepts", () => lainlet.sockets(), threads);
        await follows();
        const { body } = await get(`${url}/metrics`);
        assertMatch(body, /^lainlet_out_of_descriptors_seconds_total [1-9]/m);
      });

      await t.step("again, and then the end", async () => {
        await eventually("no connection is accepted", async () => {
          await crowd.grow();
          return await lainlet.sockets() === 0 || undefined;
        });
        await follows();
        assertEquals(told(), 1);
        program.signal("SIGTERM");
        assertEquals(await stream.next(), undefined);
        assertEquals((await program.ended()).code, 0);
      });
    });
  }
}

Deno.test("binary: half-sent requests use up its descriptors three times, and it still responds and stops", async () => {
  await using lainlet = await LainletProcess.start("binary", [
    `--store=memory:${CLUSTER_FILE}`,
    "--workers=2",
  ], { descriptors: LIMIT });
  const { url, program } = lainlet;
  for (let round = 0; round < 3; round++) {
    {
      using crowd = new Crowd(url, HALF);
      await eventually("no connection is accepted", async () => {
        await crowd.grow();
        return await lainlet.sockets() === 0 || undefined;
      });
    }
    await becomes("who accepts", () => lainlet.sockets(), 2);
    assertEquals((await get(`${url}/healthz`)).status, 200);
  }
  assert(!program.stderr.includes("panicked"), program.stderr);
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
});

Deno.test("source: connections by gRPC from one address leave descriptors to the others", async () => {
  const port = freePort();
  await using lainlet = await LainletProcess.start("source", [
    `--store=memory:${CLUSTER_FILE}`,
    `--grpc.addr=127.0.0.1:${port}`,
  ], { descriptors: LIMIT });
  await using peers = new AsyncDisposableStack();
  for (let i = 0; i < 2 * LIMIT; i++) {
    const peer = await Http2Peer.connect(port).catch(() => undefined);
    if (peer !== undefined) peers.use(peer);
  }
  assertEquals((await get(`${lainlet.url}/healthz`)).status, 200);
  await eventually("it says so", () => {
    const { stderr } = lainlet.program;
    assertEquals(OUT.test(stderr), false, stderr);
    return stderr.includes("an address has too many connections") || undefined;
  });
  // An idle one went for each that was refused, so there is room again.
  await eventually("the next one is served", async () => {
    await using next = await Http2Peer.connect(port);
    await next.nextOf(TYPE.settings);
    return true;
  });
});
