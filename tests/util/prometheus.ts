import { get } from "./client.ts";
import { freePort, Program } from "./process.ts";

/** The result of a query: a sample of each time series. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** A Prometheus with a given configuration, in its own folder. */
export class TestPrometheus implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly address: string,
    private readonly program: Program,
  ) {}

  static async start(config: string): Promise<TestPrometheus> {
    const folder = await Deno.makeTempDir({ prefix: "lainlet-prometheus-" });
    await Deno.writeTextFile(`${folder}/prometheus.yml`, config);
    const address = `127.0.0.1:${freePort()}`;
    const program = new Program("prometheus", [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
    ]);
    return new TestPrometheus(folder, address, program);
  }

  /** The present value of an expression. */
  async query(expression: string): Promise<readonly Sample[]> {
    const { result } = Object(
      await this.api(`query?query=${encodeURIComponent(expression)}`),
    );
    return result;
  }

  /** The `data` of a response of its API. */
  async api(path: string): Promise<unknown> {
    const { body } = await get(`http://${this.address}/api/v1/${path}`)
      .catch((cause) => {
        throw new Error(this.program.stderr, { cause });
      });
    const { data, error } = JSON.parse(body);
    if (data === undefined) throw new Error(`${path}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
