import { eventually } from "./process.ts";

/** Waits until garbage was collected, the old, too. */
export async function collectGarbage(): Promise<void> {
  const one = new WeakRef({});
  await eventually("garbage is collected", () => {
    const more = Array.from({ length: 100 }, () => new Array(100_000).fill(0));
    return more.length > 0 && one.deref() === undefined || undefined;
  });
}
