import { FLAGS, readLogin, readSettings } from "../etcd/flags.ts";
import type { StoreKind } from "../kind.ts";

/** etcd's v2 key space. */
export const etcd2: StoreKind = {
  name: "etcd2",
  about: "etcd's v2 key space",
  flags: FLAGS,
  read(given) {
    const settings = readSettings(given);
    const { endpoints } = settings;
    return {
      kind: this.name,
      endpoints,
      async open(options) {
        const login = await readLogin(settings);
        const { Etcd2Store } = await import("./store.ts");
        return new Etcd2Store(endpoints, { ...options, ...login });
      },
    };
  },
};
