import { assertEquals } from "@std/assert";

const FOLDER = new URL("../../../lib/grpc/proto/", import.meta.url);
const ROOT = new URL("../../../", import.meta.url);

Deno.test("the generated code is up to date", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-proto-" });
  const { success, stderr } = await new Deno.Command("deno", {
    args: ["task", "proto", folder],
    cwd: ROOT,
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  const made = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const kept = [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
    .filter((name) => name.endsWith(".ts")).sort();
  assertEquals(made, kept);
  for (const name of made) {
    assertEquals(
      await Deno.readTextFile(new URL(name, FOLDER)),
      await Deno.readTextFile(`${folder}/${name}`),
      `${name}: run deno task proto`,
    );
  }
  await Deno.remove(folder, { recursive: true });
});
