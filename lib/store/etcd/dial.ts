import { backoff, sleep } from "../../backoff.ts";
import { EtcdConnection, type EtcdLogin, type Head } from "./connection.ts";

/** How long an endpoint may take before the next one is tried beside it, in ms. */
const PATIENCE = 1_000;

/** A connection that works, and where etcd's history stood when it was made. */
export interface Dialed {
  readonly connection: EtcdConnection;
  readonly head: Head;
}

/**
 * Connects to the first endpoint that answers. The next one is tried when
 * the one before it fails or takes its time, and each that fails is tried
 * again in a rhythm of its own, so one that says nothing delays no other:
 * when etcd comes back, it is found within 3 s.
 *
 * @param endpoints in the order they are tried
 * @param prefixes what will be read: an endpoint works when it serves one of them
 * @param onFailure called after each attempt that failed
 * @returns undefined when the signal aborted
 */
export async function dial(
  endpoints: readonly string[],
  login: EtcdLogin,
  prefixes: () => Iterable<string>,
  onFailure: (endpoint: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<Dialed | undefined> {
  let winner: Dialed | undefined;
  const won = new AbortController();
  const over = AbortSignal.any([signal, won.signal]);

  const attempt = async (endpoint: string) => {
    const connection = new EtcdConnection(endpoint, login);
    const close = () => connection.close();
    over.addEventListener("abort", close);
    try {
      const head = await connection.open(prefixes());
      if (over.aborted) return;
      over.removeEventListener("abort", close);
      winner = { connection, head };
      won.abort();
    } finally {
      if (winner?.connection !== connection) connection.close();
      over.removeEventListener("abort", close);
    }
  };

  const turns = endpoints.map(() => new AbortController());
  await Promise.all(endpoints.map(async (endpoint, i) => {
    const turn = turns[i]?.signal ?? over;
    await sleep(i * PATIENCE, AbortSignal.any([over, turn]));
    for (let failures = 0; !over.aborted; failures++) {
      const started = performance.now();
      try {
        await attempt(endpoint);
      } catch (error) {
        if (!over.aborted) onFailure(endpoint, error);
      }
      turns[i + 1]?.abort();
      // An attempt that timed out has waited enough.
      const rest = started + backoff(failures) - performance.now();
      await sleep(Math.max(0, rest), over);
    }
  }));
  return winner;
}
