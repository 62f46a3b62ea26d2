import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkTrusted, Untrusted } from "../../../../lib/view/files/trust.ts";
import { ApiFolder } from "../../../util/api_files.ts";

/** A user that nothing belongs to. */
const OTHER = 54_321;

Deno.test("trust: what others could change is refused, as is what leads to it", async (t) => {
  await using folder = await ApiFolder.make({ "a.js": "", "b.js": "" });
  const { path } = folder;
  const [file, inside] = [`${path}/a.js`, `${path}/inside`];
  const refuses = async (checked: string, reason: string) => {
    const error = await assertRejects(() => checkTrusted(checked), Untrusted);
    assertEquals(error.message, reason);
  };

  await t.step("a file and a folder of its own", async () => {
    assert((await checkTrusted(file)).isFile);
    assert((await checkTrusted(path)).isDirectory);
    assert(
      (await checkTrusted(`${path}//../${path.split("/").at(-1)}/./a.js`))
        .isFile,
    );
    await Deno.symlink("../a.js", await makeFolder(inside) + "/link.js");
    assert((await checkTrusted(`${inside}/link.js`)).isFile);
  });

  await t.step("the mode of a file", async () => {
    for (const mode of [0o664, 0o646, 0o622]) {
      await Deno.chmod(file, mode);
      const text = `(mode 0${mode.toString(8)})`;
      const reason = `${file} is writable by its group or by others ${text}`;
      await refuses(file, reason);
      await refuses(`${inside}/link.js`, reason);
    }
    await Deno.chmod(file, 0o600);
    assert((await checkTrusted(file)).isFile);
  });

  await t.step("the mode of a folder", async () => {
    await Deno.chmod(path, 0o775);
    const reason = `${path} is writable by its group or by others (mode 0775)`;
    for (const checked of [path, file, inside]) await refuses(checked, reason);
    // What others may write in a sticky folder replaces nothing of another user's.
    await Deno.chmod(path, 0o1777);
    assert((await checkTrusted(file)).isFile);
    await refuses(path, reason.replace("0775", "1777"));
    await Deno.chmod(path, 0o755);
  });

  await t.step("a link through a folder of others", async () => {
    const open = await makeFolder(`${path}/open`);
    await Deno.symlink("../b.js", `${open}/link.js`);
    await Deno.symlink("open/link.js", `${path}/c.js`);
    assert((await checkTrusted(`${path}/c.js`)).isFile);
    await Deno.chmod(open, 0o777);
    await refuses(
      `${path}/c.js`,
      `${open} is writable by its group or by others (mode 0777)`,
    );
  });

  await t.step("the owner", async () => {
    // Only root may give a file away.
    const user = Deno.uid();
    if (user === 0) await Deno.chown(`${path}/b.js`, OTHER, null);
    const error = await assertRejects(
      () => checkTrusted(`${path}/b.js`, user === 0 ? user : OTHER + 1),
      Untrusted,
    );
    const { uid } = await Deno.stat(`${path}/b.js`);
    assertEquals(
      error.message.replace(/^\S+ /, ""),
      `belongs to the user ${uid}, and not to root or to lainlet's user`,
    );
  });

  await t.step("links that lead nowhere", async () => {
    await Deno.symlink("e.js", `${path}/d.js`);
    await Deno.symlink("d.js", `${path}/e.js`);
    await refuses(`${path}/d.js`, `${path}/d.js: too many links`);
    await assertRejects(
      () => checkTrusted(`${path}/none.js`),
      Deno.errors.NotFound,
    );
  });
});

async function makeFolder(path: string): Promise<string> {
  await Deno.mkdir(path);
  await Deno.chmod(path, 0o755);
  return path;
}
