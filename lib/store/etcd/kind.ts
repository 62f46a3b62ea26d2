import { type Flag, type Given, UsageError } from "../../flags.ts";
import {
  type Login,
  readAuth,
  type StoreKind,
  type StoreOptions,
} from "../kind.ts";
import type { Store } from "../store.ts";
import type { TlsPaths } from "../tls.ts";

/** Flags of both etcd stores: endpoints, TLS and login. */
export const FLAGS: readonly Flag[] = [
  {
    name: "etcd",
    value: "ENDPOINTS",
    env: "LAINLET_ETCD",
    help:
      "comma-separated members of one etcd cluster (default $LAINLET_ETCD, or 127.0.0.1:2379)",
  },
  {
    name: "etcd.ca",
    value: "FILE",
    help: "PEM file of etcd's CA; switches TLS on",
  },
  {
    name: "etcd.cert",
    value: "FILE",
    help: "PEM file of a client certificate",
  },
  { name: "etcd.key", value: "FILE", help: "PEM file of its key" },
  {
    name: "etcd.user",
    value: "USER:PASSWORD",
    env: "LAINLET_ETCD_USER",
    help: "login to etcd (default $LAINLET_ETCD_USER, or none)",
  },
];

/** Values of {@linkcode FLAGS}. */
export interface Settings {
  /** URLs of the members of one etcd cluster. */
  readonly endpoints: readonly [string, ...string[]];
  readonly tls?: TlsPaths;
  readonly auth?: Login["auth"];
}

/** Reads {@linkcode FLAGS}. @throws {UsageError} on a bad value */
export function readSettings(given: Given): Settings {
  const ca = given("etcd.ca");
  const cert = given("etcd.cert");
  const key = given("etcd.key");
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("--etcd.cert and --etcd.key go together");
  }
  if (cert !== undefined && ca === undefined) {
    throw new UsageError("--etcd.cert needs --etcd.ca");
  }
  const list = given("etcd") ?? "127.0.0.1:2379";
  const [first, ...others] = list.split(",").map((part) =>
    endpoint(part.trim(), ca !== undefined)
  );
  if (first === undefined) throw new UsageError("--etcd needs a value");
  if (others.some((other) => scheme(other) !== scheme(first))) {
    throw new UsageError("--etcd must not mix http and https");
  }
  if (ca !== undefined && scheme(first) === "http:") {
    throw new UsageError("--etcd.ca needs https endpoints in --etcd");
  }
  return {
    endpoints: [first, ...others],
    tls: ca === undefined ? undefined : {
      ca,
      client: cert === undefined || key === undefined
        ? undefined
        : { cert, key },
    },
    auth: readAuth("etcd.user", given),
  };
}

/** Reads the files that the settings name. @throws {UsageError} when they cannot be used */
async function readLogin({ tls, auth }: Settings): Promise<Login> {
  if (tls === undefined) return { auth };
  const { TlsFiles } = await import("../tls.ts");
  return { auth, tls: new TlsFiles(tls) };
}

function scheme(url: string): string {
  return new URL(url).protocol;
}

/** Returns an endpoint as a URL with scheme, host and port. */
function endpoint(text: string, isSecure: boolean): string {
  const full = /^https?:\/\//.test(text)
    ? text
    : `${isSecure ? "https" : "http"}://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (
    url === undefined || !/^https?:$/.test(url.protocol) ||
    `${url.username}${url.password}${url.search}${url.hash}` !== "" ||
    url.pathname !== "/"
  ) {
    // Not the text itself: it may hold a password.
    throw new UsageError(
      "--etcd must be endpoints like 127.0.0.1:2379,https://etcd-2:2379",
    );
  }
  const standard = url.protocol === "http:" ? "80" : "443";
  const isPortGiven = /:\d+\/?$/.test(full);
  const port = url.port || (isPortGiven ? standard : "2379");
  return `${url.protocol}//${url.hostname}:${port}`;
}

/** etcd's v3 key space. */
export const etcd: StoreKind = etcdKind(
  "etcd",
  "",
  async (endpoints, options) => {
    const { tlsProblem } = await import("./sockets.ts");
    const isSecure = endpoints[0].startsWith("https:");
    const problem = isSecure ? tlsProblem() : undefined;
    if (problem !== undefined) throw new UsageError(problem);
    const { EtcdStore } = await import("./store.ts");
    return new EtcdStore(endpoints, options);
  },
);

/** etcd's v2 key space. */
export const etcd2: StoreKind = etcdKind(
  "etcd2",
  "etcd's v2 key space",
  async (endpoints, options) => {
    const { Etcd2Store } = await import("../etcd2/store.ts");
    return new Etcd2Store(endpoints, options);
  },
);

function etcdKind(
  name: string,
  about: string,
  open: (
    endpoints: Settings["endpoints"],
    options: StoreOptions & Login,
  ) => Promise<Store>,
): StoreKind {
  return {
    name,
    about,
    flags: FLAGS,
    read(given) {
      const settings = readSettings(given);
      const { endpoints } = settings;
      return {
        kind: name,
        endpoints,
        open: async (options) =>
          open(endpoints, { ...options, ...await readLogin(settings) }),
      };
    },
  };
}
