import { Etcd2Connection } from "./connection.ts";
import type { Login } from "../login.ts";

/** What an operator is told whose state is not where it is looked for. */
export const IN_V2 =
  "the cluster's state is in etcd's v2 key space: start lainlet with --store=etcd2";

/** Whether an endpoint is an etcd 2, which has no other key space. */
export function isEtcd2(endpoint: string, login: Login): Promise<boolean> {
  return ask(
    endpoint,
    login,
    async (etcd) => (await etcd.version()).startsWith("2."),
  );
}

/** Whether the v2 key space has a key under one of some prefixes. */
export function isInV2(
  endpoint: string,
  login: Login,
  prefixes: readonly string[],
): Promise<boolean> {
  return ask(endpoint, login, async (etcd) => {
    for (const prefix of prefixes) if (await etcd.holds(prefix)) return true;
    return false;
  });
}

async function ask(
  endpoint: string,
  login: Login,
  question: (etcd: Etcd2Connection) => Promise<boolean>,
): Promise<boolean> {
  let etcd: Etcd2Connection | undefined;
  try {
    // That fails, too, where the runtime cannot use the login's key.
    etcd = new Etcd2Connection(endpoint, login);
    return await question(etcd);
  } catch {
    // Then there is nothing to tell.
    return false;
  } finally {
    etcd?.close();
  }
}
