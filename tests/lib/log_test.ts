import { assertEquals, assertMatch } from "@std/assert";
import { Program } from "../util/process.ts";

Deno.test("log: uncaught errors are logged with their stacks, and the process continues", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  const module = new URL("../../lib/log.ts", import.meta.url);
  await Deno.writeTextFile(
    file,
    `import { logUncaught, startLogging } from ${JSON.stringify(module.href)};
     startLogging("logfmt", "info");
     logUncaught();
     async function promised() { throw new Error("one"); }
     function reported() { throw new Error("two"); }
     promised();
     setTimeout(reported);
     setTimeout(() => console.log("alive"), 100);`,
  );
  try {
    await using program = new Program("deno", [
      "run",
      "--no-prompt",
      `--config=${import.meta.dirname}/../../deno.json`,
      file,
    ]);
    assertEquals((await program.ended()).code, 0, program.stderr);
    assertEquals(program.stdout, "alive\n");
    const lines = program.stderr.trimEnd().split("\n");
    assertEquals(lines.length, 2);
    const told = lines.join("\n");
    assertMatch(
      told,
      /^.*level=error .*unhandled rejection.*one.*promised/m,
    );
    assertMatch(told, /^.*level=error .*uncaught error.*two.*reported/m);
  } finally {
    await Deno.remove(file);
  }
});
