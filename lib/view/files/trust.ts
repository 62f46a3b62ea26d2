import { dirname, resolve } from "node:path";

/** A file or a folder that another user could change. */
export class Untrusted extends Error {
  override readonly name = "Untrusted";
}

/** As many links as Linux follows, see path_resolution(7). */
const MAX_LINKS = 40;

const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Checks that only root and this process's user can change a file or a folder,
 * as sshd does with `StrictModes`: it and all folders on its path, links
 * followed, belong to one of them and are not writable by their group or by
 * others. A folder above it may be writable if it is sticky, as `/tmp` is.
 *
 * @param user this process's
 * @returns its information
 * @throws {Untrusted} with the path and the reason
 * @throws {Deno.errors.NotFound} if it does not exist
 */
export async function checkTrusted(
  path: string,
  user = Deno.uid(),
): Promise<Deno.FileInfo> {
  let rest = namesOf(resolve(path));
  let at = "/";
  let info = await Deno.lstat(at);
  for (let links = 0;;) {
    const [name, ...others] = rest;
    checkOwner(at, info, user);
    if (info.isSymlink) {
      if (++links > MAX_LINKS) throw new Untrusted(`${path}: too many links`);
      const target = resolve(dirname(at), await Deno.readLink(at));
      rest = [...namesOf(target), ...rest];
      at = "/";
    } else {
      checkMode(at, info, name === undefined);
      if (name === undefined) return info;
      rest = others;
      at = at === "/" ? `/${name}` : `${at}/${name}`;
    }
    info = await Deno.lstat(at);
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function checkOwner(
  path: string,
  { uid }: Deno.FileInfo,
  user: number | null,
): void {
  if (uid === 0 || uid === user) return;
  throw new Untrusted(
    `${path} belongs to the user ${uid}, and not to root or to lainlet's user`,
  );
}

function checkMode(path: string, info: Deno.FileInfo, isLast: boolean): void {
  const mode = info.mode ?? 0;
  if ((mode & WRITABLE_BY_OTHERS) === 0) return;
  if (!isLast && (mode & STICKY) !== 0) return;
  const text = (mode & 0o7777).toString(8).padStart(4, "0");
  throw new Untrusted(
    `${path} is writable by its group or by others (mode ${text})`,
  );
}
