import { assert } from "@std/assert";
import { writeCluster } from "../../fixtures/many_groups.ts";
import { TestEtcd } from "../../util/etcd.ts";
import { TARGETS } from "../../util/lainlet_process.ts";

/** How many times what answers need may be held. */
const MOST = 1.6;

const [DENO, RUN, ...FLAGS] = TARGETS.source;

/** What one that follows an etcd holds, and what answers need, in bytes. */
async function measure(
  { endpoint }: TestEtcd,
): Promise<{ held: number; needed: number }> {
  const { stdout, success } = await new Deno.Command(DENO, {
    args: [
      RUN ?? "",
      ...FLAGS.slice(0, -1).filter((flag) => !flag.startsWith("--v8-flags=")),
      "--v8-flags=--expose-gc",
      `${import.meta.dirname}/../../fixtures/memory_of_cluster.ts`,
      endpoint,
    ],
    stderr: "inherit",
  }).output();
  assert(success);
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("cluster: a pod group is held at little more than its answer takes", async () => {
  await using etcd = await TestEtcd.start();
  await writeCluster(etcd, 500);
  const few = await measure(etcd);
  await writeCluster(etcd, 4_500);
  const many = await measure(etcd);
  const ratio = (many.held - few.held) / (many.needed - few.needed);
  assert(ratio < MOST, `${ratio} times`);
  assert(ratio > 1, "that cannot be");
});
