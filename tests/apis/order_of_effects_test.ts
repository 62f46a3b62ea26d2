/**
 * A change takes effect in a fixed order: values, what is derived of them,
 * rights, then topics. So no caller is sent what it may not see, and no stale
 * state is served.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { fromBinary, type JsonObject, toJson } from "@bufbuild/protobuf";
import * as apis from "../../apis/mod.ts";
import { messageFrame } from "../../lib/grpc/message.ts";
import { Refusal, Unavailable } from "../../lib/errors.ts";
import { Lainlet } from "../../lib/http/handler.ts";
import { canonical } from "../../lib/json.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import type { Selection } from "../../lib/view/endpoint.ts";
import type { ViewDefinition } from "../../lib/view/view.ts";
import {
  dependsKey,
  dependsValue,
  groupKey,
  groupValue,
  nodeKey,
  nodeValue,
} from "../../scripts/cluster.ts";
import { get, Stream } from "../util/client.ts";
import { RpcClient, type RpcStream, serviceOf } from "../util/grpc.ts";
import { GOLDEN_HOST, TestLainlet } from "../util/lainlet.ts";
import { Random } from "../util/model.ts";
import { eventually } from "../util/process.ts";

const NODE = { name: "node1", ip: "192.168.77.21" };
const NO_PERMISSION = "authorize failed, no permission";
const SUPER_REQUIRED = "authorize failed, super required";

function group(app: string, ...ips: string[]) {
  const spec = {
    app,
    proc: "web.web",
    instances: ips.map((ip) => ({ node: NODE, ip })),
  };
  return [groupKey(spec), groupValue(spec)] as const;
}

Deno.test("gRPC: a stream that loses its right leaves no stale state in the cache", async () => {
  const [old, moved] = ["127.26.0.5", "127.26.0.9"];
  const store = new MemoryStore([group("shop", old)]);
  await using lainlet = await new TestLainlet(store).ready();
  await using local = await RpcClient.open(lainlet.rpcPort);
  await using caller = await RpcClient.open(lainlet.rpcPort, old);
  using stream = caller.watch("Proxy", { Appname: "shop" });
  assert(!("code" in await stream.next()));
  store.put(...group("shop", moved));
  assertEquals(await stream.next(), {
    code: "permission_denied",
    message: NO_PERMISSION,
  });
  const { reply } = await local.get("Proxy", { Appname: "shop" });
  assertEquals(JSON.stringify(reply).match(/127\.26\.0\.\d/g), [moved]);
  using fresh = local.watch("Proxy", { Appname: "shop" });
  const first = await fresh.next();
  assertEquals(JSON.stringify(first).match(/127\.26\.0\.\d/g), [moved]);
});

Deno.test("gRPC: after a super app is removed from the config, the config is served without it", async () => {
  const address = "127.26.0.5";
  const right = "/lain/config/super_apps/shop";
  const store = new MemoryStore([group("shop", address), [right, ""]]);
  await using lainlet = await new TestLainlet(store).ready();
  await using local = await RpcClient.open(lainlet.rpcPort);
  await using caller = await RpcClient.open(lainlet.rpcPort, address);
  using stream = caller.watch("Config");
  assert(!("code" in await stream.next()));
  store.delete(right);
  assertEquals(await stream.next(), {
    code: "permission_denied",
    message: SUPER_REQUIRED,
  });
  assertEquals((await local.get("Config")).reply, { Data: {} });
});

Deno.test("a caller that loses a super right by a change is not sent the change, nor what is derived of it", async (t) => {
  const address = "127.26.0.5";
  for (const view of ["containers", "nodes", "changes", "overview"]) {
    await t.step(view, async () => {
      const store = new MemoryStore([
        group("shop", address),
        ["/lain/config/super_apps/shop", ""],
      ]);
      await using lainlet = await new TestLainlet(store).ready();
      const url = `${lainlet.url}/v2/${view}?watch=1`;
      await using stream = await Stream.open(url, address);
      assertEquals((await stream.next())?.event, "init");
      store.put(...group("shop", "127.26.0.9"));
      let event = await stream.next();
      // The overview also changes each second, by its runtime statistics.
      while (view === "overview" && event?.event === "update") {
        assert(!JSON.stringify(event.data).includes("127.26.0.9"));
        event = await stream.next();
      }
      assertEquals(event, { id: "0", event: "error", data: SUPER_REQUIRED });
      assertEquals(await stream.next(), undefined);
    });
  }
});

/** The views that are watched, by HTTP and by gRPC. */
const ASKED: readonly [
  path: string,
  service: string | undefined,
  request: JsonObject,
][] = [
  ["/v2/proxywatcher", "Proxy", {}],
  ["/v2/proxywatcher?appname=a", "Proxy", { Appname: "a" }],
  ["/v2/coreinfowatcher?appname=b", "Coreinfo", { Appname: "b" }],
  ["/v2/procwatcher?appname=a", "Podgroup", { Appname: "a" }],
  ["/v2/webrouter/webprocs?appname=*", "WebrouterWebprocs", { Appname: "*" }],
  ["/v2/containers", "Containers", {}],
  ["/v2/localspecwatcher", undefined, {}],
  ["/v2/backupspec", "Backupctl", {}],
  ["/v2/configwatcher", "Config", {}],
  ["/v2/configwatcher?target=s", "Config", { Target: "s" }],
  ["/v2/depends", "Depends", {}],
  ["/v2/nodes", "Nodes", {}],
  ["/v2/appswatcher", "Apps", {}],
];

const APPS = ["a", "b", "c"] as const;
const PEERS = ["127.27.0.1", "127.27.0.2", "127.27.0.3"] as const;

/** One key put or removed; rights move with addresses, portals and super apps. */
function change(random: Random): readonly [key: string, value: string | null] {
  const app = random.pick(APPS);
  const ip = () => random.pick([...PEERS, "127.27.9.9", ""]);
  switch (random.below(7)) {
    case 0:
    case 1: {
      const key = `/lain/config/super_apps/${app}`;
      return [key, random.below(2) === 0 ? null : ""];
    }
    case 2:
      return [
        `/lain/config/${random.pick(["s", "ssl", "domain"])}`,
        random.below(4) === 0 ? null : `${random.below(3)}`,
      ];
    case 3:
      return [nodeKey(NODE), nodeValue(NODE, random.below(3))];
    case 4:
      return [
        dependsKey(app),
        random.below(3) === 0 ? null : dependsValue(NODE, "x", ip()),
      ];
    default: {
      const ips = Array.from({ length: random.below(3) }, ip);
      const [key, value] = group(app, ...ips);
      return [key, random.below(5) === 0 ? null : value];
    }
  }
}

/** What a caller is to be sent at one revision, if it has the right. */
interface Expected {
  readonly isAllowed: boolean;
  /** In a comparable form; undefined: unavailable at present. */
  readonly state?: string;
}

/** A new lainlet on the store's present content. */
async function fresh(content: ReadonlyMap<string, string>): Promise<Lainlet> {
  const lainlet = new Lainlet({
    store: new MemoryStore(content),
    host: GOLDEN_HOST,
    version: "",
    endpoints: Object.values(apis),
    auth: true,
    staleAfter: 30_000,
    limits: { listeners: 10, listenersPerAddress: 10 },
  });
  const watchers = Object.values(lainlet.cluster);
  await Promise.all(watchers.map(({ synced }) => synced));
  return lainlet;
}

/** Brings states of HTTP and gRPC into a comparable form. */
interface Form {
  readonly view: ViewDefinition;
  readonly params: URLSearchParams;
  text(bytes: Uint8Array): string;
}

function formOf(which: number, isGrpc: boolean): Form {
  const [path, service = "", request] = ASKED[which] ?? [""];
  const { pathname, searchParams } = new URL(path, "http://x");
  const endpoint = Object.values(apis).find((one) =>
    (one.paths as readonly string[]).includes(pathname)
  );
  assert(endpoint !== undefined && "select" in endpoint, path);
  if (!isGrpc) {
    const text = (bytes: Uint8Array) =>
      canonical(JSON.parse(new TextDecoder().decode(bytes)));
    return { view: endpoint, params: searchParams, text };
  }
  assert("rpc" in endpoint && endpoint.rpc !== undefined, path);
  const { output } = serviceOf(service).method["get"] ?? {};
  assert(output !== undefined, service);
  const params = Object.entries(request ?? {})
    .map(([name, value]) => [name.toLowerCase(), `${value}`]);
  return {
    view: endpoint.rpc.framedBy(messageFrame),
    params: new URLSearchParams(params),
    text: (bytes) =>
      canonical(toJson(output, fromBinary(output, bytes.slice(5)), {
        alwaysEmitImplicit: true,
        useProtoFieldName: true,
      })),
  };
}

/** A watch: what it was sent, and what it should have been sent. */
class Listener {
  readonly #expected: Expected[] = [];
  readonly #sent: string[] = [];
  /** The index of the expected state that was sent last. */
  #last = -1;
  #end?: string;
  #selection?: Selection;

  constructor(
    readonly name: string,
    private readonly peer: string,
    private readonly form: Form,
    private readonly close: () => Promise<void>,
  ) {}

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  sent(state: unknown): void {
    this.#sent.push(canonical(state));
  }

  over(message: string): void {
    this.#end ??= message;
  }

  /** Adds an expected state. */
  expect(lainlet: Lainlet): void {
    const { view, params } = this.form;
    const query = lainlet.views.query(params, this.peer);
    if (this.#selection === undefined) {
      try {
        this.#selection = view.select(query);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#expected.push({ isAllowed: false });
        return;
      }
    }
    const wasAllowed = this.#expected.at(-1)?.isAllowed ?? true;
    const isAllowed = wasAllowed && query.caller.may(this.#selection.right);
    try {
      const { bytes } = view.source(lainlet, this.#selection).render();
      this.#expected.push({ isAllowed, state: this.form.text(bytes) });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      this.#expected.push({ isAllowed });
    }
  }

  /** Waits until everything expected was sent, and checks it. */
  async check(): Promise<void> {
    const { isAllowed, state } = this.#expected.at(-1) ?? {};
    await eventually(`${this.name} has the last state`, () => {
      if (isAllowed === false) return this.isOver || undefined;
      assert(this.#end === undefined, this.#end);
      const last = this.#sent.at(-1) ?? this.#expected[this.#last]?.state;
      return state === undefined || last === state || undefined;
    });
    for (const text of this.#sent.splice(0)) {
      const from = this.#last;
      this.#last = this.#expected.findIndex(({ state, isAllowed }, i) =>
        i >= from && state === text && isAllowed
      );
      assert(
        this.#last >= 0,
        `${this.name}: not a state that it may see since ${from}: ${text}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readStream(stream: Stream, listener: Listener): Promise<void> {
  for (;;) {
    const event = await stream.next(600_000).catch(() => undefined);
    if (event === undefined) return listener.over("the end");
    if (event.event !== "error") listener.sent(event.data);
    // While routers are protected, the stream stays open after the error.
    else if (`${event.data}`.startsWith("authorize")) {
      listener.over(`${event.data}`);
    }
  }
}

async function readCall(stream: RpcStream, listener: Listener): Promise<void> {
  for (;;) {
    const next = await stream.next(600_000);
    if ("code" in next) return listener.over(`${next.message}`);
    listener.sent(next);
  }
}

Deno.test("random changes of rights: each caller is sent the present state, and never what it may not see", async (t) => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9) || 1;
  await t.step(`SEED=${seed}`, () => story(new Random(seed), 250));
});

async function story(random: Random, steps: number): Promise<void> {
  const content = new Map([
    group("a", PEERS[0]),
    group("b", PEERS[1]),
    group("c", PEERS[2]),
    ["/lain/config/super_apps/a", ""],
  ]);
  const store = new MemoryStore(content);
  await using lainlet = await new TestLainlet(store).ready();
  await using stack = new AsyncDisposableStack();
  const clients = new Map<string, RpcClient>();
  for (const peer of PEERS) {
    const client = await RpcClient.open(lainlet.rpcPort, peer);
    clients.set(peer, stack.use(client));
  }
  let listeners: Listener[] = [];
  stack.defer(async () => {
    for (const one of listeners) await one[Symbol.asyncDispose]();
  });

  const listen = async (): Promise<Listener> => {
    const peer = random.pick(PEERS);
    const which = random.below(ASKED.length);
    const [path, service, request] = ASKED[which] ?? ["", "", {}];
    if (service === undefined || random.below(2) === 0) {
      const url = `${lainlet.url}${path}${path.includes("?") ? "&" : "?"}`;
      const stream = await Stream.open(`${url}watch=1`, peer);
      const form = formOf(which, false);
      const close = () => stream[Symbol.asyncDispose]();
      const name = `${path} from ${peer}`;
      const listener = new Listener(name, peer, form, close);
      readStream(stream, listener);
      return listener;
    }
    const stream = clients.get(peer)?.watch(service, request);
    assert(stream);
    const close = () => Promise.resolve(stream[Symbol.dispose]());
    const name = `${service} ${JSON.stringify(request)} from ${peer}`;
    const listener = new Listener(name, peer, formOf(which, true), close);
    readCall(stream, listener);
    return listener;
  };

  const ask = async (anew: Lainlet): Promise<void> => {
    const which = random.below(ASKED.length);
    const peer = random.pick(PEERS);
    const [path, service, request] = ASKED[which] ?? ["", "", {}];
    const expected = (isGrpc: boolean): string => {
      const { view, params, text } = formOf(which, isGrpc);
      try {
        return text(anew.views.read({ view, params, peer }).bytes);
      } catch (error) {
        assert(error instanceof Refusal || error instanceof Unavailable);
        return error.message;
      }
    };
    const { status, body } = await get(lainlet.url + path, peer);
    const text = status === 200 ? canonical(JSON.parse(body)) : body;
    assertEquals(text, expected(false), `${path} from ${peer}`);
    if (service === undefined) return;
    const outcome = await clients.get(peer)?.get(service, request);
    assertEquals(
      outcome?.reply ? canonical(outcome.reply) : outcome?.message,
      expected(true),
      `${service} from ${peer}`,
    );
  };

  let anew = await fresh(content);
  stack.defer(() => anew.close());
  for (let step = 0; step < steps; step++) {
    if (listeners.length < 10) {
      const listener = await listen();
      listener.expect(anew);
      listeners.push(listener);
      await listener.check();
    } else if (random.below(4) === 0) {
      const [gone] = listeners.splice(random.below(listeners.length), 1);
      await gone?.[Symbol.asyncDispose]();
    }
    const [key, value] = change(random);
    if (value === null) {
      content.delete(key);
      store.delete(key);
    } else {
      content.set(key, value);
      store.put(key, value);
    }
    anew.close();
    anew = await fresh(content);
    for (const listener of listeners) listener.expect(anew);
    for (const listener of listeners) await listener.check();
    listeners = listeners.filter(({ isOver }) => !isOver);
    await ask(anew);
  }
}
