import { assert } from "@std/assert";
import { writeCluster } from "../../fixtures/many_groups.ts";
import { TestEtcd } from "../../util/etcd.ts";
import { TARGETS } from "../../util/lainlet_process.ts";

/** How much memory a pod group may take, as a multiple of its answer's size. */
const MOST = 1.6;

const [DENO, RUN, ...FLAGS] = TARGETS.source;

/** The memory that the watchers of a cluster take, and the size of its answers, in bytes. */
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

Deno.test("cluster: a pod group takes little more memory than its response", async () => {
  await using etcd = await TestEtcd.start();
  await writeCluster(etcd, 500);
  const few = await measure(etcd);
  await writeCluster(etcd, 4_500);
  const many = await measure(etcd);
  const ratio = (many.held - few.held) / (many.needed - few.needed);
  assert(ratio < MOST, `${ratio} times`);
  assert(ratio > 1, "that cannot be");
});
