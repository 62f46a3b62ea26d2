import { assertEquals } from "@std/assert";
import { Client, type Data } from "../../lib/client/client.ts";
import { GOLDEN_HOST } from "./lainlet.ts";
import { LainletProcess, type TARGETS } from "./lainlet_process.ts";
import { eventually } from "./process.ts";
import { freshAnswers, Witness } from "./witness.ts";

const HOST = ["--ip", GOLDEN_HOST.ip, "--hostname", GOLDEN_HOST.hostname];

type Target = keyof typeof TARGETS;

/** How the lainlets are started. */
export interface WatchedSetup {
  /** The flag that says where the store is; default: `--etcd`. */
  readonly flag?: string;
  /** Flags besides those that are always given. */
  readonly settings?: readonly string[];
  /** Wait until they are ready; default. */
  readonly ready?: boolean;
  /** Listen to all views; default. */
  readonly streams?: boolean;
  /** Which are started; default: both. */
  readonly targets?: readonly Target[];
}

/** Lainlets, from source and as the binary, each with listeners to all views. */
export class Watched implements AsyncDisposable {
  private constructor(
    readonly lainlets: readonly LainletProcess[],
    private readonly witnesses: readonly Witness[],
    private readonly stack: AsyncDisposableStack,
  ) {}

  static async start(
    endpoints: readonly string[],
    {
      flag = "--etcd",
      settings = [],
      ready = true,
      streams = true,
      targets = ["source", "binary"],
    }: WatchedSetup = {},
  ): Promise<Watched> {
    const args = [flag, endpoints.join(), ...HOST, ...settings];
    const flags = {
      // One compares all keys often and has threads, the other has the defaults.
      source: [...args, "--verify.every=2s", "--workers=3"],
      binary: args,
    };
    await using stack = new AsyncDisposableStack();
    const lainlets = await Promise.all(
      targets.map(async (target) =>
        stack.use(await LainletProcess.start(target, flags[target], { ready }))
      ),
    );
    const witnesses = await Promise.all(
      lainlets.slice(0, streams ? undefined : 0).map(async ({ url }) =>
        stack.use(await Witness.open(url))
      ),
    );
    return new Watched(lainlets, witnesses, stack.move());
  }

  /** Waits until all responses and streams are those of a fresh read; no stream may have ended. */
  async agrees(
    content: readonly (readonly [key: string, value: string])[],
    timeout?: number,
  ): Promise<void> {
    const fresh = await freshAnswers(content);
    await Promise.all(
      this.witnesses.map((one) => one.agrees(fresh, timeout)),
    );
  }

  debug(): Promise<Data<"/debug">[]> {
    return Promise.all(
      this.lainlets.map(({ url }) => new Client(url).get("/debug", {})),
    );
  }

  /** Waits until all report a problem with the store. */
  async noticed(timeout: number): Promise<void> {
    await eventually("the fault is noticed", async () => {
      const all = await this.debug();
      return all.every(({ store }) => store.problems.length > 0) || undefined;
    }, timeout);
  }

  /**
   * Checks that no difference from the store was found, and no watch missed a change.
   *
   * @param mayMiss whether the test dropped some of the store's data
   */
  async isFaultless({ mayMiss = false } = {}): Promise<void> {
    for (const { store, watchers } of await this.debug()) {
      if (!mayMiss) assertEquals(store.missed, 0);
      for (const [name, { Differences }] of Object.entries(watchers)) {
        assertEquals([name, Differences], [name, 0]);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}
