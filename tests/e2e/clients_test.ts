import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestEtcd } from "../util/etcd.ts";
import { LainletProcess } from "../util/lainlet_process.ts";
import { eventually, Program } from "../util/process.ts";

/** A client that runs by itself; `output` is what it has received so far. */
interface Client extends AsyncDisposable {
  output(): string;
}

/** Reads a stream with Node's fetch as it is, and prints what comes. */
const NODE_CLIENT = `
const response = await fetch(process.argv[1]);
for await (const chunk of response.body) process.stdout.write(chunk);
`;

function program(command: string, ...args: string[]): Client {
  const program = new Program(command, args);
  return {
    output: () => program.stdout,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** A browser's parser. */
function eventSource(url: string): Client {
  const source = new EventSource(url);
  let output = "";
  for (const name of ["init", "update"]) {
    source.addEventListener(
      name,
      ({ type, lastEventId, data }) =>
        output += `id: ${lastEventId}\nevent: ${type}\ndata: ${data}\n\n`,
    );
  }
  return {
    output: () => output,
    [Symbol.asyncDispose]: () => Promise.resolve(source.close()),
  };
}

const CLIENTS: Record<string, (url: string) => Client> = {
  "curl": (url) => program("curl", "-sN", url),
  "curl --compressed": (url) => program("curl", "-sN", "--compressed", url),
  "an EventSource": eventSource,
  "Node's fetch": (url) =>
    program("node", "--input-type=module", "-e", NODE_CLIENT, url),
};

for (const target of ["source", "binary"] as const) {
  Deno.test(`${target}: every client sees each event within a second`, async (t) => {
    await using etcd = await TestEtcd.start();
    await etcd.write({ "/lain/config/domain": "0" });
    await using lainlet = await LainletProcess.start(target, [
      "--etcd",
      etcd.endpoint,
    ]);
    const url = `${lainlet.url}/v2/configwatcher?target=domain&watch=1`;
    for (const [name, connect] of Object.entries(CLIENTS)) {
      await t.step(name, async () => {
        await etcd.write({ "/lain/config/domain": name });
        await eventually("lainlet has it", async () => {
          const answer = await fetch(url.replace("&watch=1", ""));
          return (await answer.json()).domain === name ? true : undefined;
        });
        await using client = connect(url);
        let frames = `id: 1\nevent: init\ndata: {"domain":"${name}"}\n\n`;
        await eventually(
          "init",
          () => client.output() === frames ? true : undefined,
        );
        for (let i = 2; i <= 4; i++) {
          await etcd.write({ "/lain/config/domain": `${name} ${i}` });
          frames +=
            `id: ${i}\nevent: update\ndata: {"domain":"${name} ${i}"}\n\n`;
          await eventually(
            `event ${i}`,
            () => client.output().length >= frames.length ? true : undefined,
            1_000,
          );
          assertEquals(client.output(), frames);
        }
      });
    }

    await t.step(
      "curl shows the headers of a plain and of a compressed answer",
      async () => {
        const headers = async (...args: string[]) => {
          const { stdout } = await new Deno.Command("curl", {
            args: [
              "-s",
              "-o",
              "/dev/null",
              "-D",
              "-",
              ...args,
              `${lainlet.url}/v2/configwatcher`,
            ],
          }).output();
          return new TextDecoder().decode(stdout).toLowerCase();
        };
        for (const text of [await headers(), await headers("--compressed")]) {
          assertStringIncludes(text, "cache-control: no-cache\r\n");
          assertStringIncludes(text, '\netag: "');
          assertStringIncludes(
            text,
            "content-type: application/json; charset=utf-8\r\n",
          );
        }
        assertStringIncludes(
          await headers("--compressed"),
          "content-encoding: gzip",
        );
        assertEquals((await headers()).includes("content-encoding"), false);
      },
    );
  });
}
