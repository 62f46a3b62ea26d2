import { printable } from "./render.ts";

/** A value as YAML; what is undefined in it is left out. */
export async function yamlOf(value: unknown): Promise<string> {
  // Few ask for it.
  const { stringify } = await import("@std/yaml/stringify");
  return stringify(value, { lineWidth: -1, skipInvalid: true }).trimEnd();
}

/** Text as it is, but for a terminal only what is safe there. */
export function shown(texts: readonly string[]): string[] {
  return Deno.stdout.isTerminal()
    ? texts.flatMap((text) => text.split("\n")).map(printable)
    : [...texts];
}
