/** A folder of API files. */
export class ApiFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** @param files texts by name */
  static async make(
    files: Readonly<Record<string, string>> = {},
  ): Promise<ApiFolder> {
    const folder = new ApiFolder(
      await Deno.makeTempDir({ prefix: "lainlet-apis-" }),
    );
    await Deno.chmod(folder.path, 0o755);
    await folder.write(files);
    return folder;
  }

  /** Writes files, and removes those that are null. */
  async write(files: Readonly<Record<string, string | null>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const path = `${this.path}/${name}`;
      if (text === null) await Deno.remove(path);
      else {
        await Deno.writeTextFile(path, text);
        await Deno.chmod(path, 0o644);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** The path of {@linkcode apiFile}'s view. */
export const PODS_PATH = "/v2/pods-per-group";

/** The fields of a view of pod groups: `{group: number of pods}`. */
const GROUPS = {
  paths: `["${PODS_PATH}"]`,
  summary: '"The pods of each group."',
  params: "lainlet.BY_APP",
  mayAsk: '"app"',
  answer: "lainlet.Type.Record(lainlet.Type.String(), lainlet.Type.Number())",
  watcher: "(cluster) => cluster.podgroup",
  select: "lainlet.byApp",
  piece: "(group) => [[group.name, `${group.pods.length}`]]",
  members: "lainlet.flat",
};

/**
 * The text of an API file: a view of pod groups, `{group: number of pods}`.
 *
 * @param fields replace its fields, as text; null: it lacks the field
 */
export function apiFile(
  fields: Readonly<Record<string, string | null>> = {},
): string {
  const all = Object.entries({ ...GROUPS, ...fields })
    .flatMap(([name, text]) => text === null ? [] : [`  ${name}: ${text},\n`]);
  return `export default (lainlet) => lainlet.view({\n${all.join("")}});\n`;
}

/** A view of each watcher, besides that of pod groups: name and text of its file. */
export const WATCHER_FILES: Readonly<Record<string, string>> = {
  "config.js": apiFile({
    paths: '["/v2/settings"]',
    params: '{ prefix: { description: "The prefix of the names." } }',
    mayAsk: '"all"',
    answer: "lainlet.Type.Array(lainlet.Type.String())",
    watcher: "(cluster) => cluster.config",
    select:
      '(query) => ({ prefix: lainlet.prefixParam(query, "prefix"), right: lainlet.ANYONE })',
    piece: "({ value }, _host, name) => `${name}=${value}`",
    members: null,
    text: "(pieces) => JSON.stringify(pieces.map(([, piece]) => piece))",
  }),
  "container.js": apiFile({
    paths: '["/v2/ports"]',
    params: '{ node: { description: "A node." } }',
    mayAsk: '"super"',
    answer:
      "lainlet.Type.Record(lainlet.Type.String(), lainlet.Type.Array(lainlet.Type.Number()))",
    watcher: "(cluster) => cluster.container",
    select:
      '(query) => lainlet.superOnly(query, lainlet.prefixParam(query, "node", "/"))',
    piece:
      "({ container }, _host, key) => [[key.split('/')[0], container.port]]",
    members: null,
    contributions: "(piece) => piece",
    reduce: "(ports) => JSON.stringify([...new Set(ports)].sort())",
  }),
  "depends.js": apiFile({
    paths: '["/v2/services"]',
    params: "{}",
    mayAsk: '"super"',
    watcher: "(cluster) => cluster.depends",
    select: '(query) => lainlet.superOnly(query, "")',
    piece: "({ service, nodes }) => [[service, `${nodes.length}`]]",
  }),
  "nodes.js": apiFile({
    paths: '["/v2/node-names", "/v2/names/of/nodes"]',
    params: "{}",
    mayAsk: '"all"',
    answer: "lainlet.Type.Record(lainlet.Type.String(), lainlet.Type.String())",
    watcher: "(cluster) => cluster.nodes",
    select: '() => ({ prefix: "", right: lainlet.ANYONE })',
    piece:
      "({ json }, host, key) => { const { name } = JSON.parse(json); return { name, key }; }",
    members: "({ name, key }) => [[key, JSON.stringify(name)]]",
  }),
};
