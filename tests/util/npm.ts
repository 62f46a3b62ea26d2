import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { Program } from "./process.ts";

/** What a module is called that takes from Node.js what versions before 21 do not have. */
const OLD = "data:text/javascript,delete JSON.rawJSON; delete JSON.isRawJSON";

/** An empty project of Node.js's in a folder of its own. */
export class NodeProject implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** @param tarball what it depends on; it is installed without a network */
  static async make(tarball: string): Promise<NodeProject> {
    const folder = await Deno.makeTempDir({ prefix: "lainlet-npm-" });
    const project = new NodeProject(folder);
    await project.write("package.json", '{ "type": "module" }');
    await project.run("npm", "install", "--offline", "--no-audit", tarball);
    return project;
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${name}`, text);
  }

  /** Starts a program in it. */
  start(command: string, ...args: string[]): Program {
    const script = `cd ${this.folder} && exec "$@"`;
    return new Program("bash", ["-c", script, "-", command, ...args]);
  }

  /** Runs a program to its end; it must be well. */
  async run(command: string, ...args: string[]): Promise<string> {
    await using program = this.start(command, ...args);
    const { code } = await program.ended();
    assertEquals(code, 0, program.stdout + program.stderr);
    return program.stdout;
  }

  /** What TypeScript finds wrong with a file, as whoever has no `skipLibCheck` is told. */
  async check(...names: readonly string[]): Promise<void> {
    const { code, output } = await this.typeCheck(...names);
    assertEquals(code, 0, output);
  }

  /** Lets TypeScript check files, also those of JavaScript. */
  async typeCheck(
    ...names: readonly string[]
  ): Promise<{ code: number; output: string }> {
    await using program = this.start(
      "deno",
      ...["run", "--no-prompt", "--allow-read", "--allow-env"],
      `${config.imports.typescript}/tsc`,
      ...["--noEmit", "--strict", "--exactOptionalPropertyTypes"],
      ...["--allowJs", "--checkJs"],
      ...["--module", "nodenext", "--target", "es2022"],
      ...["--lib", "es2022,dom", ...names],
    );
    const { code } = await program.ended();
    return { code, output: program.stdout + program.stderr };
  }

  /** Makes one script for browsers of a module and all that it imports. */
  async bundle(name: string): Promise<string> {
    return await this.run("deno", "bundle", "--platform=browser", name);
  }

  /** The commands that run a module in each runtime that there is here. */
  runs(name: string): string[][] {
    return [
      ["node", name],
      ["node", `--import=${OLD}`, name],
      ["deno", "run", "--no-prompt", "--allow-net=127.0.0.1", name],
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
