import { eventually, freePort, Program } from "./process.ts";

/** An `etcd grpc-proxy`, which joins equal watches, in a process of its own. */
export class GrpcProxy implements AsyncDisposable {
  readonly #port = freePort();
  #program?: Program;

  private constructor(private readonly endpoint: string) {}

  /** Starts one in front of an etcd. */
  static async start(endpoint: string): Promise<GrpcProxy> {
    const proxy = new GrpcProxy(endpoint);
    await proxy.launch();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    if (this.#program === undefined) throw new Error("the proxy is not there");
    return this.#program.pid;
  }

  /** Starts the process, and waits until it listens. */
  async launch(): Promise<void> {
    this.#program = new Program("etcd", [
      "grpc-proxy",
      "start",
      `--endpoints=${this.endpoint}`,
      `--listen-addr=127.0.0.1:${this.#port}`,
    ]);
    await eventually("the proxy listens", async () => {
      const address = { hostname: "127.0.0.1", port: this.#port };
      (await Deno.connect(address)).close();
      return true;
    });
  }

  /** Ends the process without warning. */
  async kill(): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
