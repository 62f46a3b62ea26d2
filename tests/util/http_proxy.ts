import { eventually, freePort, Program } from "./process.ts";

/** How each is configured, beside what Debian's packages configure: its file, and what it is called with. */
const KINDS = {
  haproxy: {
    args: (folder: string) => ["-db", "-f", `${folder}/config`],
    config: (_folder: string, port: number, upstream: string) => `
      defaults
        mode http
        timeout connect 5s
        timeout client 50s
        timeout server 50s
        compression algo gzip
      frontend front
        bind 127.0.0.1:${port}
        default_backend lainlet
      backend lainlet
        server lainlet ${upstream}
    `,
  },
  nginx: {
    args: (
      folder: string,
    ) => ["-p", folder, "-c", "config", "-e", "stderr"],
    config: (folder: string, port: number, upstream: string) => `
      daemon off;
      master_process off;
      pid ${folder}/pid;
      events {}
      http {
        access_log off;
        gzip on;
        client_body_temp_path ${folder}/body;
        proxy_temp_path ${folder}/proxy;
        fastcgi_temp_path ${folder}/fastcgi;
        uwsgi_temp_path ${folder}/uwsgi;
        scgi_temp_path ${folder}/scgi;
        server {
          listen 127.0.0.1:${port};
          location / { proxy_pass http://${upstream}; }
        }
      }
    `,
  },
} as const;

/** HAProxy or nginx in front of a server, in a process and a folder of its own. */
export class HttpProxy implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly program: Program,
    readonly url: string,
  ) {}

  /** Starts one, and waits until it listens. @param upstream `http://127.0.0.1:9001` */
  static async start(
    kind: keyof typeof KINDS,
    upstream: string,
  ): Promise<HttpProxy> {
    const { args, config } = KINDS[kind];
    const folder = await Deno.makeTempDir({ prefix: `lainlet-${kind}-` });
    const port = freePort();
    await Deno.writeTextFile(
      `${folder}/config`,
      `${config(folder, port, new URL(upstream).host)}\n`,
    );
    const program = new Program(kind, args(folder));
    const proxy = new HttpProxy(folder, program, `http://127.0.0.1:${port}`);
    try {
      await eventually(`${kind} listens`, async () => {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return true;
      });
    } catch (cause) {
      await proxy[Symbol.asyncDispose]();
      throw new Error(`${kind} did not start: ${program.stderr}`, { cause });
    }
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
