/**
 * Faults of a store, its members and the connections to it, and what a scene's
 * lainlets must do then, with any store.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { get } from "./client.ts";
import { TestEtcd } from "./etcd.ts";
import { eventually } from "./process.ts";
import type { Proxy } from "./proxy.ts";
import type { Scene } from "./scene.ts";

/** Time limit to notice a fault and find a working watch, in ms, with a reserve for a slow machine. */
export const NOTICED = 10_000 + 5_000;
/** Time limit to be current again after the store is back, in ms, with a reserve for a slow machine. */
export const BACK = 5_000 + 3_000;
/** Time limit to be current again after a member is lost, in ms, with a reserve for a slow machine. */
const ELSEWHERE = 10_000 + 5_000;

/** Starts the store after the lainlets. @param reason which they report until then */
export async function absence(scene: Scene, reason: RegExp): Promise<void> {
  const { server } = scene;
  const content = await server.content();
  await server.kill();
  await scene.watch(false);
  for (const { url } of scene.watched.lainlets) {
    await eventually("it says what it misses", async () => {
      const { status, body } = await get(`${url}/readyz`);
      assertEquals(status, 503);
      return reason.test(body) || undefined;
    });
    assertEquals((await get(`${url}/v2/nodes`)).status, 503);
  }
  await server.launch();
  await scene.watched.agrees(content, 10_000);
  await scene.watched.isFaultless();
}

/** Kills and restarts the store, with writes before and after. */
export async function kills(
  { server, model, watched }: Scene,
  rounds: number,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 5; i++) await server.write(model.next());
    await server.kill();
    await server.launch();
    for (let i = 0; i < 5; i++) await server.write(model.next());
  }
  await watched.agrees(await server.content());
  await watched.isFaultless();
}

/** Pauses the store for 15 s; the lainlets must report that from 8 s on. */
export async function pause({ server, model, watched }: Scene): Promise<void> {
  const before = await server.content();
  const pause = Date.now();
  server.pause();
  for (const { url } of watched.lainlets) {
    await eventually("it says that the state is old", async () => {
      const { status, body } = await get(`${url}/readyz`);
      assertEquals(status, 503);
      assertEquals(/podgroup (was|were) last confirmed/.test(body), true, body);
      return true;
    });
    const { status, headers } = await get(`${url}/v2/nodes`);
    assertEquals(status, 200);
    assertEquals(Number(headers.get("age")) >= 8, true, "Age");
  }
  await eventually(
    "15 s are over",
    () => Date.now() - pause > 15_000 || undefined,
  );
  await watched.agrees(before);
  server.resume();
  await server.write(model.next());
  await watched.agrees(await server.content(), 10_000);
  await watched.isFaultless();
}

/** Deletes and writes everything again while the lainlets are disconnected, and compacts the history. */
export async function lostHistory(
  { server, model, proxy, watched }: Scene,
): Promise<void> {
  for (const compact of [false, true]) {
    proxy.fault = "cut";
    const content = await server.content();
    await server.clear();
    await server.load(Object.fromEntries(content.slice(3)));
    await server.write(model.next());
    if (compact) await server.compact();
    proxy.fault = "none";
    await watched.agrees(await server.content());
    await server.write(model.next());
    await watched.agrees(await server.content());
  }
  await watched.isFaultless();
}

/** Restores an older state, with less history than the lainlets know, and with more. @param writes to it, each time */
export async function restores(
  { server, model, proxy, watched }: Scene,
  writes: readonly number[],
): Promise<void> {
  const place = await Deno.makeTempDir();
  const saved = `${place}/saved`;
  await server.save(saved);
  for (const count of writes) {
    for (let i = 0; i < 20; i++) await server.write(model.next());
    await watched.agrees(await server.content());
    proxy.fault = "cut";
    await server.restore(saved);
    for (let i = 0; i < count; i++) await server.write(model.next());
    proxy.fault = "none";
    await watched.agrees(await server.content());
    await server.write(model.next());
    await watched.agrees(await server.content());
  }
  await Deno.remove(place, { recursive: true });
  await watched.isFaultless();
}

/** How a connection is broken, and restored. */
export const WAY_FAULTS: Record<
  string,
  (proxy: Proxy) => void | Promise<void>
> = {
  "cut": (proxy) => void (proxy.fault = "cut"),
  "half-closed towards the server": (proxy) => proxy.halfClose("server"),
  "half-closed towards lainlet": (proxy) => proxy.halfClose("client"),
  "slow": (proxy) => void (proxy.fault = { delay: 200 }),
  "silent towards the server": (proxy) =>
    void (proxy.fault = "silent to server"),
  "silent towards lainlet": (proxy) => void (proxy.fault = "silent to client"),
  "silent": (proxy) => void (proxy.fault = "silent"),
  "accepted and never answered": (proxy) => {
    proxy.fault = "cut";
    proxy.fault = "silent";
  },
};

/** The faults of a connection that differ by the store's protocol. */
export const PROTOCOL_FAULTS = [
  "cut",
  "half-closed towards the server",
  "half-closed towards lainlet",
  "silent towards lainlet",
  "silent",
] as const;

/** Whether the store can be reached in spite of a fault. */
const HARMLESS = [
  "slow",
  "half-closed towards the server",
  "half-closed towards lainlet",
];

/** Breaks and restores the only connection. @param name of {@linkcode WAY_FAULTS} */
export async function brokenWay(scene: Scene, name: string): Promise<void> {
  const { server, model, proxy, watched } = scene;
  await WAY_FAULTS[name]?.(proxy);
  for (let i = 0; i < 5; i++) await server.write(model.next());
  if (HARMLESS.includes(name)) await scene.follows(NOTICED);
  else await watched.noticed(NOTICED);
  proxy.fault = "none";
  await scene.follows(BACK);
}

/** Breaks each of several connections while it is in use. @param name of {@linkcode WAY_FAULTS} */
export async function brokenWays(scene: Scene, name: string): Promise<void> {
  const { watched, proxies } = scene;
  const broken = new Set<string>();
  // On a busy machine a lainlet may also leave a working connection.
  const most = 2 * proxies.length;
  for (let i = 0; broken.size < proxies.length && i < most; i++) {
    const proxy = await eventually("one is in use", async () => {
      const [first] = await watched.debug();
      return proxies.find(({ addr }) => first?.store.source.endsWith(addr));
    });
    broken.add(proxy.addr);
    await WAY_FAULTS[name]?.(proxy);
    await eventually("another one is in use", async () => {
      const all = await watched.debug();
      const isUsed = all.some(({ store }) => store.source.endsWith(proxy.addr));
      return isUsed ? undefined : true;
    }, NOTICED);
    await scene.follows(BACK);
    proxy.fault = "none";
  }
  assertEquals(broken.size, proxies.length, "not all endpoints were used");
  await watched.isFaultless({ mayMiss: true });
}

/** Faults of three members; only etcd can move its leader on request. */
export const MEMBER_FAULTS: Record<string, (scene: Scene) => Promise<void>> = {
  "the leader changes, to each member": async (scene) => {
    for (const member of scene.members) {
      assert(member instanceof TestEtcd);
      const others = scene.members.filter((other) => other !== member);
      await member.lead(others.map(({ endpoint }) => endpoint));
      await scene.follows(ELSEWHERE, member);
    }
  },
  "each member is lost, and comes back": async (scene) => {
    for (const [member, next] of turns(scene)) {
      await member.kill();
      await scene.follows(ELSEWHERE, next);
      await member.launch();
      await scene.follows(ELSEWHERE, member);
    }
  },
  "the member in use is paused: it accepts, and says nothing": async (
    scene,
  ) => {
    const [member, next] = await inUseFirst(scene);
    member.pause();
    await scene.follows(ELSEWHERE, next);
    member.resume();
    await scene.follows(ELSEWHERE, member);
  },
  "two members are lost, and one comes back, then the other": async (scene) => {
    const { watched } = scene;
    const [lost, alone, last] = await inUseFirst(scene);
    const before = await alone.content();
    await Promise.all([lost.kill(), last.kill()]);
    await watched.noticed(ELSEWHERE);
    await watched.agrees(before);
    await lost.launch();
    await scene.follows(ELSEWHERE, lost);
    await last.launch();
    await scene.follows(ELSEWHERE, last);
  },
};

/** The three members, first the one that the first lainlet uses. */
async function inUseFirst(scene: Scene) {
  const [debug] = await scene.watched.debug();
  const turn = turns(scene)
    .find(([{ endpoint }]) => debug?.store.source.endsWith(endpoint));
  assert(turn);
  return turn;
}

/** The members, each of the three first in turn. */
function turns({ members: [a, b, c] }: Scene) {
  assert(a && b && c);
  return [[a, b, c], [b, c, a], [c, a, b]] as const;
}
