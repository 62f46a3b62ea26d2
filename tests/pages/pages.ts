/**
 * The pages of this repository, and what of them can be checked.
 *
 * @module
 */

export const ROOT = new URL("../../", import.meta.url);

/** A fenced block of a page. */
export interface Block {
  /** Of the repository, `lib/README.md`. */
  readonly page: string;
  /** Of the fence that opens it. */
  readonly line: number;
  /** As the fence has it; "" when it has none. */
  readonly language: string;
  readonly text: string;
  /** What the page says up to the block. */
  readonly before: string;
}

/** A command of a block, a line as it is printed. */
export interface Command {
  readonly text: string;
  /** What it prints, where that is shown. */
  readonly output: string;
}

/** A page, as it is written. */
export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** All files of the repository, those not yet added, too. */
export async function repositoryFiles(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
    cwd: ROOT,
  }).output();
  const paths = new TextDecoder().decode(stdout).split("\0");
  const isThere = await Promise.all(
    paths.map((path) =>
      Deno.stat(new URL(path, ROOT)).then(({ isFile }) => isFile, () => false)
    ),
  );
  return [...new Set(paths.filter((_, i) => isThere[i]))];
}

/** All pages. */
export async function readPages(): Promise<Page[]> {
  const paths = (await repositoryFiles()).filter((path) =>
    path.endsWith(".md") && !path.startsWith("tests/golden/")
  );
  return await Promise.all(paths.map(async (path) => {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    return { path, text, blocks: blocksIn(path, text) };
  }));
}

/** The blocks of a page. */
export async function blocksOf(page: string): Promise<Block[]> {
  const text = await Deno.readTextFile(new URL(page, ROOT));
  return blocksIn(page, text);
}

function blocksIn(page: string, text: string): Block[] {
  return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)]
    .map(({ 1: language = "", 2: content = "", index }) => ({
      page,
      line: text.slice(0, index).split("\n").length,
      language,
      text: content,
      before: text.slice(0, index).trimEnd(),
    }));
}

/** Where a block is, for people. */
export function placeOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

/** The commands of a block: each line of `sh`, and what follows `$ ` in `console`. */
export function commandsOf({ language, text }: Block): Command[] {
  if (language === "sh") {
    return text.trim().split("\n").map((line) => ({ text: line, output: "" }));
  }
  if (language !== "console") return [];
  return text.split(/^\$ /m).slice(1).map((part) => {
    const [command = "", ...output] = part.split("\n");
    return { text: command, output: output.join("\n").trimEnd() };
  });
}

/** What a command's output begins with; `…` in it stands for what varies within a line. */
export function patternOf({ output }: Command): RegExp {
  const parts = output.split("…").map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join(".*")}`);
}

/** What a page says outside of its blocks. */
export function proseOf({ text }: Page): string {
  return text.replace(/^```[^]*?^```$/gm, "");
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: Page): Set<string> {
  return new Set(
    [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    ),
  );
}

/** What a page links to, and the pictures that it shows. */
export function linksOf(page: Page): string[] {
  const prose = proseOf(page);
  return [
    ...prose.matchAll(/\]\(([^)\s]+)\)/g),
    ...prose.matchAll(/\b(?:src|href)="([^"]+)"/g),
  ].map(([, to = ""]) => to);
}
