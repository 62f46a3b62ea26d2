/**
 * Makes the code of gRPC's messages of their `.proto` files; needs protoc.
 *
 *     deno task proto [FOLDER]
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };
import { scriptOptions } from "../lib/flags.ts";

const SOURCE = `${import.meta.dirname}/../lib/grpc/proto`;

const PLUGIN = `#!/bin/sh
exec deno run --quiet --no-prompt --allow-env ${
  config.imports["@bufbuild/protoc-gen-es"]
}
`;

const target = scriptOptions({
  name: "proto",
  summary: "Generates the code of gRPC's messages from the .proto files.",
  argument: "[FOLDER]",
}, ({ positional: [folder = SOURCE] }) => folder);
const folder = await Deno.makeTempDir({ prefix: "lainlet-proto-" });
const plugin = `${folder}/protoc-gen-es`;
await Deno.writeTextFile(plugin, PLUGIN, { mode: 0o755 });
const files = [...Deno.readDirSync(SOURCE)].map(({ name }) => name)
  .filter((name) => name.endsWith(".proto")).sort();
const { success, stderr } = await new Deno.Command("protoc", {
  args: [
    `--plugin=protoc-gen-es=${plugin}`,
    `--es_out=${target}`,
    "--es_opt=target=ts",
    `--proto_path=${SOURCE}`,
    ...files,
  ],
}).output();
await Deno.remove(folder, { recursive: true });
if (!success) {
  console.error(`proto: ${new TextDecoder().decode(stderr).trim()}`);
  Deno.exit(1);
}
