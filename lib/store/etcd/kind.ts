import { UsageError } from "../../flags.ts";
import type { StoreKind } from "../kind.ts";
import { FLAGS, readLogin, readSettings } from "./flags.ts";

/** etcd's own key space, v3. */
export const etcd: StoreKind = {
  name: "etcd",
  about: "",
  flags: FLAGS,
  read(given) {
    const settings = readSettings(given);
    const { endpoints } = settings;
    return {
      kind: this.name,
      endpoints,
      async open(options) {
        const login = await readLogin(settings);
        const { tlsProblem } = await import("./sockets.ts");
        const isSecure = endpoints[0].startsWith("https:");
        const problem = isSecure ? tlsProblem() : undefined;
        if (problem !== undefined) throw new UsageError(problem);
        const { EtcdStore } = await import("./store.ts");
        return new EtcdStore(endpoints, { ...options, ...login });
      },
    };
  },
};
