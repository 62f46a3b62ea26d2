import { dependsKey, groupKey, nodeKey } from "../../scripts/cluster.ts";
import type { Random } from "../util/model.ts";
import { LOGIN } from "./auth.ts";
import type { StoreName } from "./processes.ts";
import { NODES, type Operation, type Story } from "./story.ts";

type Fault = Omit<Operation, "after">;

/** Subtrees that may be refused, each with paths in it that may be on ZooKeeper. */
const SUBTREES: readonly [string[], ...string[][]] = [
  ["/lain/config", "/lain/config/super_apps", "/lain/config/super_apps/a"],
  [
    "/lain/deployd/pod_groups",
    "/lain/deployd/pod_groups/a",
    groupKey({ app: "a", proc: "web.web", instances: [] }),
  ],
  ["/lain/deployd/depends/pods", dependsKey("a")],
  ["/lain/nodes/nodes", nodeKey(NODES[0])],
];

/** Something that happens to logins and rights on etcd v2 or ZooKeeper. */
export function rightsFault(
  store: StoreName,
): (random: Random) => Fault {
  return (random) => {
    const isZooKeeper = store === "zookeeper";
    const time = 500 + random.below(40_000);
    switch (random.below(isZooKeeper ? 5 : 4)) {
      case 0:
        return {
          text: "a login is asked for from now on, or not any more",
          perform({ world }) {
            const isOn = world.rights.login !== undefined;
            world.setRights({ login: isOn ? undefined : LOGIN });
          },
        };
      case 1:
        return {
          text: `the password is another one for ${time} ms`,
          perform({ world }) {
            const login = { ...LOGIN, password: "another one" };
            world.setRights({ login });
            setTimeout(() => world.setRights({ login: LOGIN }), time);
          },
        };
      case 4:
        return {
          text: `logins are refused for ${time} ms`,
          perform({ world }) {
            world.hasLogins = false;
            for (const link of world.allLinks) link.cut();
            setTimeout(() => world.hasLogins = true, time);
          },
        };
      default:
        return refusal(random, time, isZooKeeper);
    }
  };
}

/** A subtree may not be read, or on ZooKeeper maybe a part of it, or one znode alone. */
function refusal(random: Random, time: number, isZooKeeper: boolean): Fault {
  const paths = random.pick(SUBTREES);
  const path = paths[isZooKeeper ? random.below(paths.length) : 0] ?? "/";
  const isDeep = !isZooKeeper || random.below(2) === 0;
  return {
    text: `${path}${isDeep ? "" : " alone"} is refused for ${time} ms`,
    perform({ world }: Story) {
      world.setRights({ refused: { path, isDeep } });
      setTimeout(() => world.setRights({ refused: undefined }), time);
    },
  };
}
