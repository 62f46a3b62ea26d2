import { useMemo } from "preact/hooks";
import { Changes, type Said, saidOf } from "../history.tsx";
import type { Node } from "../../model/mod.ts";
import type { Params } from "../../model/place.ts";
import { href } from "../route.ts";
import { useView } from "../watch.ts";

/** How far back a page begins, and how many changes it shows. */
const SINCE = "24h";
const MOST = 5;

/** What changed of an app in the last day. */
export function RecentOfApp({ app }: { app: string }) {
  const { data } = useView("changes", { app, since: SINCE });
  const changes = useMemo(() => saidOf(data ?? {}), [data]);
  return <Recent changes={data && changes} all={{ app, since: SINCE }} />;
}

/** What changed of a node, and of the groups that run there, in the last hour. */
export function RecentOfNode({ node }: { node: Node }) {
  const { data } = useView("changes", { since: "1h" });
  const groups = node.pods.map(({ app, group }) => `${app}/${group}`).join(" ");
  const changes = useMemo(() => {
    const here = new Set(groups.split(" "));
    return saidOf(data ?? {}).filter(({ entry, sentence }) =>
      entry.kind === "group" && here.has(entry.name) ||
      sentence.some((part) =>
        typeof part === "object" && part.path?.[0] === "node" &&
        part.path[1] === node.name
      )
    );
  }, [data, groups]);
  return <Recent changes={data && changes} all={{ since: "1h" }} />;
}

/** @param changes undefined: not known yet; `all`: where more are */
function Recent(
  { all, changes }: { changes?: readonly Said[]; all: Params },
) {
  return (
    <section>
      <h2>
        What changed{" "}
        <small>
          <a href={href(["changes"], all)}>all of it</a>
        </small>
      </h2>
      {changes === undefined && <p class="dim">Asking lainlet …</p>}
      {changes?.length === 0 && (
        <p class="dim">Nothing of late, as far as lainlet remembers.</p>
      )}
      {changes !== undefined && <Changes changes={changes} most={MOST} />}
    </section>
  );
}
