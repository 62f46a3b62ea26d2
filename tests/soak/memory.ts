/**
 * Memory is bounded by what is configured, whatever callers do: measured on the
 * binary, whose runtime is the older one, before and after each of them. Not
 * beside the other tests, as it takes all of two cores for two minutes:
 *
 *     deno task memory
 *
 * @module
 */
import { assert } from "@std/assert";
import { idleOf, startBare } from "../../scripts/bench/node.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { openingOf } from "../util/http2_peer.ts";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess, TARGETS } from "../util/lainlet_process.ts";
import { eventually, freePort, Program } from "../util/process.ts";

const UNIT = await Deno.readTextFile(
  new URL("../../scripts/package/lainlet.service", import.meta.url),
);

/** What the unit sets in the environment of the binary. */
const ENV = Object.fromEntries(
  [...UNIT.matchAll(/^Environment=(.+?)=(.+)$/gm)]
    .map(([, name, value]) => [name, value]),
);

/** What the unit allows, in MB. */
const MOST = Number(/^MemoryMax=(\d+)M$/m.exec(UNIT)?.[1]);

/** How much more there may be afterwards than before. */
const GROWTH = 0.2;

/** What an idle lainlet may take of what a bare server does: it is 1.6. */
const IDLE = 1.75;

const SMALL = "/v2/configwatcher?target=small";
const WHOLE = "/v2/coreinfowatcher";
const LARGE = `${WHOLE}?watch=1`;
const RPC = "/message.Coreinfo/Watch";

/** Pod groups whose state is of some 3 KB each. */
function groups(count: number): Record<string, string> {
  const node = { name: "n", ip: "192.0.2.1" };
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const group = {
        app: `app${i}`,
        proc: "web.web",
        annotation: "x".repeat(2_000),
        instances: [{ node, ip: "127.30.0.1" }],
      };
      return [groupKey(group), groupValue(group)] as const;
    }),
  );
}

/** Does something so many times, at most some at a time. */
async function repeat(
  times: number,
  run: (i: number) => Promise<void>,
  atATime = 20,
): Promise<void> {
  let i = 0;
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (i < times) await run(i++);
    }),
  );
}

class Callers {
  readonly #port: number;

  constructor(
    private readonly lainlet: { url: string; program: Program },
    private readonly rpcPort = 0,
  ) {
    this.#port = Number(new URL(lainlet.url).port);
  }

  /** A connection on which something was asked, or half of it. */
  async ask(path: string, isWhole = true): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.#port,
    });
    const end = isWhole ? "\r\n\r\n" : "\r\nX-Half: a";
    await this.#write(conn, `GET ${path} HTTP/1.1\r\nHost: x${end}`);
    return conn;
  }

  async #write(conn: Deno.TcpConn, text: string): Promise<void> {
    await conn.write(new TextEncoder().encode(text));
  }

  /** A connection on which a stream of gRPC was asked for, with room for all of it. */
  async call(path: string): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.rpcPort,
    });
    await conn.write(openingOf(path));
    return conn;
  }

  /** Opens a stream, reads so many bytes of it, and leaves. */
  async visit(path: string, bytes: number): Promise<void> {
    using conn = await this.ask(path);
    await read(conn, bytes);
  }

  /** GETs of small answers, one after the other on each of some connections. */
  async get(paths: Iterable<string>): Promise<void> {
    const all = Iterator.from(paths);
    await Promise.all(Array.from({ length: 8 }, async () => {
      using conn = await this.ask(SMALL);
      // Such an answer comes in one piece.
      const buffer = new Uint8Array(64 * 1024);
      await conn.read(buffer);
      for (const path of all) {
        await this.#write(conn, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
        await conn.read(buffer);
      }
    }));
  }

  /** The least of some seconds, in MB: garbage is collected when something happens. */
  async memory(): Promise<number> {
    let least = Infinity;
    for (let i = 0; i < 6; i++) {
      await this.get(Array.from({ length: 500 }, () => SMALL));
      least = Math.min(least, await this.lainlet.program.memory());
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return least;
  }

  /**
   * Fails when memory is not what it was before, or was more than it may be
   * meanwhile. What leaks does so each time; what a collector keeps because it
   * has once needed it, or has not got to yet, it does not: one good try will do.
   */
  async returns(act: () => Promise<void>, most = 500): Promise<void> {
    let good = false;
    for (let tries = 0; tries < 3 && !good; tries++) {
      const { before, peak, after } = await this.#around(act);
      const text = [before, peak, after].map(Math.round).join(", ");
      console.log(`      MB before, at most, after: ${text}`);
      good = after <= before * (1 + GROWTH) && peak <= most;
    }
    assert(good, "memory grew, or was too much, each of three times");
  }

  /** MB before something is done, at most while it is, and when that is back or does not come back. */
  async #around(act: () => Promise<void>) {
    const before = await this.memory();
    let peak = 0;
    const timer = setInterval(async () => {
      peak = Math.max(peak, await this.lainlet.program.memory());
    }, 200);
    try {
      await act();
    } finally {
      clearInterval(timer);
    }
    let after = 0;
    await eventually("memory is back", async () => {
      after = await this.memory();
      return after <= before * (1 + GROWTH) || undefined;
    }).catch(() => {});
    return { before, peak, after };
  }
}

/** Reads at least so many bytes, or to the end. */
async function read(conn: Deno.TcpConn, bytes: number): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let got = 0; got < bytes;) {
    const count = await conn.read(buffer.subarray(0, bytes - got));
    if (count === null) return;
    got += count;
  }
}

Deno.test("memory: idle, lainlet takes little more than a bare server of the same runtime", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.write({ "/lain/config/small": "x" });
  await using bare = await startBare("binary");
  await using lainlet = await LainletProcess.start("binary", [
    `--etcd=${etcd.endpoint}`,
    "--workers=1",
  ]);
  const least = await idleOf(bare, 5);
  const idle = await idleOf(lainlet.program, 5);
  console.log(`      MB bare, idle: ${Math.round(least)}, ${Math.round(idle)}`);
  assert(idle <= IDLE * least, `it takes ${(idle / least).toFixed(2)} times`);
});

Deno.test("memory: clients that disconnect leave nothing behind", async (t) => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(
    file,
    JSON.stringify({ "/lain/config/small": "x", ...groups(1_000) }),
  );
  const rpcPort = freePort();
  await using lainlet = await LainletProcess.start("binary", [
    `--store=memory:${file}`,
    `--grpc.addr=127.0.0.1:${rpcPort}`,
  ], { env: ENV });
  const callers = new Callers(lainlet, rpcPort);
  const numbered = (from: number, count: number, path: string) =>
    Array.from({ length: count }, (_, i) => `${path}${from + i}`);
  // The heap and its code get to their size.
  await callers.get(numbered(0, 20_000, SMALL));
  await repeat(2_000, () => callers.visit(`${SMALL}&watch=1`, 100));
  await repeat(100, () => callers.visit(LARGE, 1_000));

  await t.step(
    "200 watches of 3 MB that are not read, 1,000 that are left",
    async () => {
      const stalled: Deno.TcpConn[] = [];
      await repeat(
        200,
        async () => void stalled.push(await callers.ask(LARGE)),
      );
      for (const conn of stalled) {
        conn.close();
      }
      await callers.returns(() =>
        repeat(1_000, () => callers.visit(LARGE, 1_000))
      );
    },
  );
  // A copy for each of them would be 3 GB.
  await t.step(
    "1,000 GETs of 3 MB that are not read",
    () =>
      callers.returns(async () => {
        const open: Deno.TcpConn[] = [];
        await repeat(1_000, async () => {
          const conn = await callers.ask(WHOLE);
          await read(conn, 1);
          open.push(conn);
        });
        for (const conn of open) conn.close();
      }),
  );
  await t.step(
    "100,000 prefixes by GET",
    () => callers.returns(() => callers.get(numbered(1e6, 100_000, SMALL))),
  );
  await t.step(
    "100,000 prefixes by watch",
    () =>
      callers.returns(() =>
        repeat(100_000, (i) => callers.visit(`${SMALL}${i}&watch=1`, 40))
      ),
  );
  await t.step(
    "20,000 that connect and leave",
    () =>
      callers.returns(() =>
        repeat(
          20_000,
          (i) => callers.visit(i % 2 ? LARGE : `${SMALL}&watch=1`, 1),
        )
      ),
  );
  await t.step(
    "1,000 callers of gRPC who do not read 3 MB, or leave",
    async () => {
      const round = async () => {
        const open: Deno.TcpConn[] = [];
        await repeat(
          1_000,
          async () => void open.push(await callers.call(RPC)),
        );
        for (const conn of open) conn.close();
        await repeat(1_000, async () => {
          using conn = await callers.call(RPC);
          await read(conn, 1_000);
        });
      };
      await round();
      await callers.returns(round);
    },
  );
  await t.step("5,000 half-sent requests", async () => {
    const round = async () => {
      const open: Deno.TcpConn[] = [];
      await repeat(
        5_000,
        async () => void open.push(await callers.ask("/healthz", false)),
      );
      for (const conn of open) conn.close();
    };
    // What small blocks took, malloc keeps for the next ones.
    await round();
    await callers.returns(round);
  });
  await Deno.remove(file);
});

Deno.test("memory: written values are not kept, and a client that does not read keeps one state", async (t) => {
  await using etcd = await TestEtcd.start();
  await etcd.load({ "/lain/config/small": "x", ...groups(10_000) });
  await using lainlet = await LainletProcess.start("binary", [
    `--etcd=${etcd.endpoint}`,
  ], { env: ENV });
  const callers = new Callers(lainlet);
  const [[key = "", value = ""] = []] = Object.entries(groups(1));
  const change = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await etcd.write({
        [key]: value.replace("xxx", `${i}`.padStart(3, "0")),
      });
      await callers.get([SMALL]);
    }
  };
  /** Listeners that read nothing while the state of 30 MB changes. */
  const stall = async (count: number, changes: number) => {
    const stalled: Deno.TcpConn[] = [];
    await repeat(
      count,
      async () => void stalled.push(await callers.ask(LARGE)),
    );
    await change(changes);
    for (const conn of stalled) conn.close();
  };
  await stall(50, 5);
  await t.step(
    "1,000 stalled listeners of 30 MB that change",
    () => callers.returns(() => stall(1_000, 20), MOST),
  );
  await t.step(
    "values of 1 MB, rewritten as fast as etcd can",
    () =>
      callers.returns(async () => {
        await repeat(300, async (i) =>
          void await etcd.write({
            [`/lain/config/large${i % 4}`]: `${i}`.padEnd(1_000_000, "x"),
          }), 4);
      }, MOST),
  );
});

Deno.test("memory: values of 1 MB, rewritten 2,000 times a second, are not kept", async () => {
  const [command, ...rest] = TARGETS.source;
  const port = freePort();
  await using program = new Program(command, [
    ...rest.slice(0, -1),
    `${import.meta.dirname}/rewriting.ts`,
    "2000",
    `--web=:${port}`,
  ], ENV);
  const callers = new Callers({ url: `http://127.0.0.1:${port}`, program });
  await eventually("it serves", () => callers.get([SMALL]).then(() => true));
  const stalled = await callers.ask("/v2/configwatcher?watch=1");
  let rounds = 0;
  const rewrite = async () => {
    program.signal("SIGUSR1");
    rounds++;
    await eventually(
      "all are written",
      () => program.stdout.split("done").length > rounds || undefined,
      60_000,
    );
  };
  await rewrite();
  // Half of what is written: a faster machine writes more before a collection.
  await callers.returns(rewrite, 1_000);
  stalled.close();
});
