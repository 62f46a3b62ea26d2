import { assert, assertEquals } from "@std/assert";
import { closureOf, importsOf } from "../../scripts/imports.ts";

const STARTS_EXECUTABLE = "tests/util/lainlet_process.ts";

Deno.test("imports: paths of the repository, and no packages", async () => {
  assertEquals(await importsOf("tests/scripts/imports_test.ts"), [
    "scripts/imports.ts",
  ]);
});

Deno.test("imports: a unit test does not start the executable, one of the command line does", async () => {
  const unit = await closureOf("tests/apis/golden_test.ts");
  assert(unit.has("lib/json.ts"));
  assert(!unit.has(STARTS_EXECUTABLE));
  assert((await closureOf("tests/e2e/cli_test.ts")).has(STARTS_EXECUTABLE));
});

Deno.test("imports: what is omitted is not followed", async () => {
  const path = "tests/e2e/cli_test.ts";
  const closure = await closureOf(path, STARTS_EXECUTABLE);
  assert(closure.has(path));
  assert(!closure.has(STARTS_EXECUTABLE));
});
