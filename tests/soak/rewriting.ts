/**
 * A lainlet whose store, on each SIGUSR1, puts so many values of 1 MB, 2,000 a
 * second as far as it can, and says on stdout when that is done.
 *
 *     deno run … tests/soak/rewriting.ts COUNT [flags of lainlet]
 *
 * @module
 */
import { MemoryStore } from "../../lib/store/memory.ts";
import { readFlags, serve } from "../../main.ts";

const RATE = 2_000;
const KEYS = 4;

const [count = "0", ...flags] = Deno.args;
const store = new MemoryStore([["/lain/config/small", "x"]]);
await serve(readFlags(flags), store);
const value = new Uint8Array(1_000_000).fill("x".charCodeAt(0));
Deno.addSignalListener("SIGUSR1", async () => {
  const begin = performance.now();
  for (let i = 0; i < Number(count); i++) {
    // Another one each time, as it would come from a socket.
    const bytes = value.slice();
    new TextEncoder().encodeInto(`${i}`, bytes);
    store.put(`/lain/config/large${i % KEYS}`, bytes);
    const early = begin + i * 1000 / RATE - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, early)));
  }
  console.log("done");
});
