import type { Changes } from "./store.ts";

/** How many requests are sent at a time when there are many. */
const LANES = 20;

/** etcd's v2 key space, written to and read by HTTP. */
export class Etcd2Keys implements Disposable {
  readonly #client: Deno.HttpClient;
  readonly #headers: Record<string, string> = {};

  constructor(
    private readonly endpoint: string,
    tls?: { readonly ca: string; readonly cert: string; readonly key: string },
  ) {
    const read = Deno.readTextFileSync;
    this.#client = Deno.createHttpClient(
      tls === undefined ? {} : {
        caCerts: [read(tls.ca)],
        cert: read(tls.cert),
        key: read(tls.key),
      },
    );
  }

  /**
   * Puts and removes (null) keys, one after the other; skips the removal of a
   * key that does not exist.
   *
   * @returns the index of the last change
   */
  async write(changes: Changes): Promise<number> {
    let index = 0;
    for (const [key, value] of Object.entries(changes)) {
      index = value === null
        ? await this.remove(key)
        : await this.put(key, { value: text(value) });
    }
    return index;
  }

  /** Puts a key with the parameters of v2's API. @returns its index */
  put(key: string, form: Record<string, string>): Promise<number> {
    return this.#ask("PUT", `/v2/keys${key}`, new URLSearchParams(form));
  }

  /** Removes a key, or a directory with everything in it. */
  remove(key: string): Promise<number> {
    return this.#ask("DELETE", `/v2/keys${key}?recursive=true`);
  }

  /** Writes many keys. */
  async load(content: Readonly<Record<string, string>>): Promise<void> {
    const entries = Object.entries(content);
    await Promise.all(Array.from({ length: LANES }, async () => {
      for (let next; (next = entries.pop()) !== undefined;) {
        await this.put(next[0], { value: next[1] });
      }
    }));
  }

  /** Writes other keys until etcd's history has no earlier events. */
  async forget(): Promise<void> {
    const writes = Array.from({ length: 1_001 }, (_, i) => [`/other/${i}`, ""]);
    await this.load(Object.fromEntries(writes));
  }

  /** All keys and values, but those of {@linkcode forget}. */
  async content(): Promise<[key: string, value: string][]> {
    const { node } = await this.#json("/v2/keys/?recursive=true&quorum=true");
    return entriesOf(node).filter(([key]) => !key.startsWith("/other/"));
  }

  /** Removes everything. */
  async clear(): Promise<void> {
    const { node } = await this.#json("/v2/keys/?quorum=true");
    for (const { key = "" } of node.nodes ?? []) await this.remove(key);
  }

  /**
   * Requires a login from now on; `lainlet:secret` may read some prefixes.
   *
   * @returns changes what it may read
   */
  async authenticate(prefixes: readonly string[]): Promise<{
    grant(prefix: string): Promise<void>;
    revoke(prefix: string): Promise<void>;
  }> {
    const put = async (path: string, body?: unknown) => {
      await this.#ask("PUT", `/v2/auth${path}`, JSON.stringify(body));
    };
    const may = (...read: string[]) => ({
      kv: { read: read.map((prefix) => `${prefix}*`), write: [] },
    });
    const change = (what: string) => (prefix: string) =>
      put("/roles/reader", { role: "reader", [what]: may(prefix) });
    await put("/users/root", { user: "root", password: "root" });
    await put("/roles/reader", {
      role: "reader",
      permissions: may(...prefixes),
    });
    await put("/users/lainlet", {
      user: "lainlet",
      password: "secret",
      roles: ["reader"],
    });
    await this.switchAuthentication(true);
    const all = { kv: { read: ["/*"], write: ["/*"] } };
    await put("/roles/guest", { role: "guest", revoke: all });
    return { grant: change("grant"), revoke: change("revoke") };
  }

  /** Requires the login of {@linkcode authenticate} or not, from now on. */
  async switchAuthentication(isOn: boolean): Promise<void> {
    await this.#ask(isOn ? "PUT" : "DELETE", "/v2/auth/enable");
    if (isOn) this.#headers.Authorization = `Basic ${btoa("root:root")}`;
    else delete this.#headers.Authorization;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async #ask(
    method: string,
    path: string,
    body?: BodyInit,
  ): Promise<number> {
    const headers = this.#headers;
    const options = { client: this.#client, method, body, headers };
    const response = await fetch(this.endpoint + path, options);
    const said = await response.text();
    if (!response.ok && response.status !== 404) throw new Error(said);
    return Number(response.headers.get("X-Etcd-Index"));
  }

  async #json(path: string): Promise<{ node: Tree }> {
    const options = { client: this.#client, headers: this.#headers };
    const response = await fetch(this.endpoint + path, options);
    if (!response.ok) throw new Error(await response.text());
    return await response.json();
  }
}

/** A node as v2's API has it. */
interface Tree {
  readonly key?: string;
  readonly value?: string;
  readonly nodes?: readonly Tree[];
}

function entriesOf({ key = "", value, nodes = [] }: Tree): [string, string][] {
  return value === undefined ? nodes.flatMap(entriesOf) : [[key, value]];
}

function text(value: string | Uint8Array): string {
  return typeof value === "string" ? value : new TextDecoder().decode(value);
}
