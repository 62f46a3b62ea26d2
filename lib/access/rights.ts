import type { Cluster, Host } from "../watcher/cluster.ts";
import type { Change } from "../watcher/watcher.ts";
import { canonicalAddress } from "./hosts.ts";

/** The right that a request needs. */
export type Right =
  | { readonly kind: "anyone" }
  | { readonly kind: "super" }
  | { readonly kind: "app"; readonly app: string };

// Frozen, as API files get them.
export const ANYONE: Right = Object.freeze({ kind: "anyone" });
export const SUPER: Right = Object.freeze({ kind: "super" });

/** The caller of a request: its address, and what that may do now. */
export interface Caller {
  readonly address: string;
  /** App that the address belongs to. */
  readonly app: string | undefined;
  readonly isSuper: boolean;
  may(right: Right): boolean;
}

const SUPER_APPS = "super_apps/";

/**
 * Decides what callers may read: by the addresses of containers in pod groups
 * and depends, and by the super apps in the config. Follows their changes.
 */
export class Rights {
  readonly #groups = new AddressIndex();
  readonly #portals = new AddressIndex();
  readonly #subscribers = new Map<string, Set<() => void>>();
  readonly #local: ReadonlySet<string>;

  /** @param enabled if not, every caller may read everything */
  constructor(
    private readonly cluster: Pick<Cluster, "config" | "depends" | "podgroup">,
    host: Pick<Host, "ip">,
    private readonly enabled: boolean,
  ) {
    this.#local = new Set(["127.0.0.1", "::1", canonicalAddress(host.ip)]);
    cluster.podgroup.subscribe(
      "rights",
      (changes) =>
        this.#notify(this.#groups.apply(changes, (group) => [
          group.app,
          group.pods.flatMap((pod) => pod.containers.map(({ ip }) => ip)),
        ])),
    );
    cluster.depends.subscribe(
      "rights",
      (changes) =>
        this.#notify(this.#portals.apply(changes, (depends) => [
          depends.service,
          depends.nodes.flatMap((node) =>
            node.portals.flatMap((p) => p.containers.map(({ ip }) => ip))
          ),
        ])),
    );
    cluster.config.subscribe("rights", (changes) => {
      if (changes.some(({ key }) => key.startsWith(SUPER_APPS))) {
        this.#notify(this.#subscribers.keys());
      }
    });
  }

  /** Whether everything that decides about rights has been read. */
  get isSynced(): boolean {
    const { config, depends, podgroup } = this.cluster;
    return config.isSynced && depends.isSynced && podgroup.isSynced;
  }

  /** Whether the rights of an address are known. */
  isReadyFor(peer: string): boolean {
    return this.#isUnrestricted(canonicalAddress(peer)) || this.isSynced;
  }

  /** Returns the caller at an address. @param peer remote address of the TCP connection */
  caller(peer: string): Caller {
    const address = canonicalAddress(peer);
    const app = this.appOf(address);
    const isSuper = this.#isUnrestricted(address) ||
      app !== undefined &&
        this.cluster.config.get(SUPER_APPS + app) !== undefined;
    return {
      address,
      app,
      isSuper,
      may: (right) =>
        isSuper || right.kind === "anyone" ||
        right.kind === "app" &&
          (right.app === app || this.#portals.owns(address, right.app)),
    };
  }

  /** Returns the app that an address belongs to: that of its pod group, else the service whose portal it is. */
  appOf(address: string): string | undefined {
    const canonical = canonicalAddress(address);
    return this.#groups.owner(canonical) ?? this.#portals.owner(canonical);
  }

  /**
   * Calls back whenever the rights of an address may have changed.
   *
   * @returns ends the subscription
   */
  subscribe(address: string, onChange: () => void): () => void {
    const canonical = canonicalAddress(address);
    const subscribers = this.#subscribers.get(canonical) ?? new Set();
    this.#subscribers.set(canonical, subscribers.add(onChange));
    return () => {
      subscribers.delete(onChange);
      if (
        subscribers.size === 0 &&
        this.#subscribers.get(canonical) === subscribers
      ) this.#subscribers.delete(canonical);
    };
  }

  #isUnrestricted(address: string): boolean {
    return !this.enabled || this.#local.has(address);
  }

  #notify(addresses: Iterable<string>): void {
    for (const address of [...addresses]) {
      for (const onChange of [...this.#subscribers.get(address) ?? []]) {
        onChange();
      }
    }
  }
}

/** The apps that an address belongs to, by the key that assigns it. */
class AddressIndex {
  readonly #owners = new Map<string, Map<string, string>>();

  /**
   * Applies changes of a subtree.
   *
   * @param read returns the app of a value, and its addresses
   * @returns the addresses whose apps may have changed
   */
  apply<T>(
    changes: readonly Change<T>[],
    read: (value: T) => readonly [app: string, addresses: readonly string[]],
  ): Set<string> {
    const changed = new Set<string>();
    for (const { key, value, previous } of changes) {
      if (previous !== undefined) {
        for (const address of read(previous)[1].map(canonicalAddress)) {
          const owners = this.#owners.get(address);
          owners?.delete(key);
          if (owners?.size === 0) this.#owners.delete(address);
          changed.add(address);
        }
      }
      if (value !== undefined) {
        const [app, addresses] = read(value);
        for (const address of addresses.map(canonicalAddress)) {
          // Containers may have no address, and apps no name.
          if (address === "" || app === "") continue;
          const owners = this.#owners.get(address) ?? new Map();
          this.#owners.set(address, owners.set(key, app));
          changed.add(address);
        }
      }
    }
    return changed;
  }

  /** Returns the app of an address; that of the first key if there are several. */
  owner(address: string): string | undefined {
    const owners = this.#owners.get(address);
    if (owners === undefined) return undefined;
    const [first = ""] = [...owners.keys()].sort();
    return owners.get(first);
  }

  owns(address: string, app: string): boolean {
    return [...this.#owners.get(address)?.values() ?? []].includes(app);
  }
}

/** Prefixes of config names that only super callers may read. */
const SECRETS = [
  "bootstrap_node_ip",
  "calico_default_rule",
  "calico_network",
  "dns_ip",
  "dns_port",
  "dnsmasq_addresses",
  "dnsmasq_servers",
  "etcd_cluster_token",
  "node_network",
  "rsyncd_secrets",
  "ssl",
  "super_apps",
  "swarm_manager_ip",
  "system_volumes",
  "tinydns_fqdns",
  "vip",
  "vips",
];

/** Whether only super callers may read a config name. */
export function isSecret(name: string): boolean {
  return SECRETS.some((secret) => name.startsWith(secret));
}
