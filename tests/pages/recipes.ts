/**
 * A node in a folder, on which the recipes of a page are run.
 *
 * @module
 */
import { assert } from "@std/assert";
import { TARGETS } from "../util/lainlet_process.ts";
import { get } from "../util/client.ts";
import { TestEtcd } from "../util/etcd.ts";
import { eventually, freePort, Program } from "../util/process.ts";
import { type Block, readPages } from "./pages.ts";
import { end, GROUP } from "./workbench.ts";

/** What the recipes of a page are tried with: an etcd, a lainlet, and programs. */
export class RecipeNode implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "lainlet-recipes-" });
  readonly #port = freePort();
  readonly #programs: Program[] = [];
  readonly #unused: Set<Block>;
  #lainlet?: Program;

  private constructor(
    readonly etcd: TestEtcd,
    private readonly blocks: readonly Block[],
  ) {
    this.#unused = new Set(blocks);
  }

  /** @param page whose blocks are the recipes */
  static async make(page: string): Promise<RecipeNode> {
    const blocks = (await readPages()).find(({ path }) => path === page)
      ?.blocks;
    assert(blocks !== undefined, page);
    const node = new RecipeNode(await TestEtcd.start(), blocks);
    await node.write("/bin/lainlet", `#!/bin/sh\nexec ${binary} "$@"\n`);
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Blocks of the page that were not installed. */
  get unused(): readonly Block[] {
    return [...this.#unused];
  }

  /** Where a path of the page lies. */
  path(path: string): string {
    return `${this.folder}${path}`;
  }

  async read(path: string): Promise<string> {
    return await Deno.readTextFile(this.path(path));
  }

  async write(path: string, text: string): Promise<void> {
    const full = this.path(path);
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(full, text);
    if (text.startsWith("#!")) await Deno.chmod(full, 0o755);
  }

  /** Text of the page, with paths that exist here. */
  #local(text: string): string {
    return text.replace(
      /(?<=[\s"=])\/(?=(etc|run|usr\/local)\/)/g,
      (slash) => `${this.folder}${slash}`,
    );
  }

  /** A block of a language, as it is to be used here. */
  block(language: string): string {
    const block = this.blocks.find((block) => block.language === language);
    assert(block !== undefined, language);
    this.#unused.delete(block);
    return this.#local(block.text);
  }

  /** Writes the block for a file where the page says that it is to be. */
  async install(path: string): Promise<void> {
    const block = this.blocks.find((block) => pathOf(block) === path);
    assert(block !== undefined, path);
    this.#unused.delete(block);
    await this.write(path, this.#local(block.text));
  }

  /** Starts a command, with all that it starts in turn. */
  start(command: string): Program {
    const script = [
      `cd ${this.folder}`,
      "export HOME=$PWD LC_ALL=C.UTF-8 PATH=$PWD/bin:$PATH",
      `export LAINLET_ADDR=:${this.#port}`,
      GROUP,
    ].join("\n");
    const program = new Program("bash", ["-c", script, "-", command]);
    this.#programs.push(program);
    return program;
  }

  /** Installs the recipe for a program, and starts it. */
  async startRecipe(name: string): Promise<Program> {
    const path = `/usr/local/sbin/lainlet-${name}`;
    await this.install(path);
    return this.start(this.path(path));
  }

  /** Starts lainlet, again where it was before. */
  async startLainlet(): Promise<void> {
    this.#lainlet = new Program(binary, [
      `--web=127.0.0.1:${this.#port}`,
      `--etcd=${this.etcd.endpoint}`,
      "--hostname=node1",
      `--apis=${this.path("/etc/lainlet/apis")}`,
    ]);
    await eventually(
      "lainlet is ready",
      async () => (await get(`${this.url}/readyz`)).status === 200 || undefined,
    );
  }

  /** Kills lainlet without warning. */
  async killLainlet(): Promise<void> {
    await this.#lainlet?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map(end));
    await this.killLainlet();
    await this.etcd[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

const [binary] = TARGETS.binary;

/** The file that a block is for: its first line has it, or the paragraph before it last. */
function pathOf({ before, text }: Block): string | undefined {
  const [, own] = /^# (\/\S+)\n/.exec(text) ?? [];
  if (own !== undefined) return own;
  const paragraph = before.split("\n\n").at(-1) ?? "";
  return [...paragraph.matchAll(/`(\/[^`]+)`/g)].at(-1)?.[1];
}
