import type { Data } from "../../client/client.ts";
import { sortNaturally } from "../../model/natural.ts";
import { age, type Cell, cell, type Listing, listing } from "./listing.ts";

type Listener = Data<"listeners">[string];

/** Who listens to this lainlet, and who is behind. */
export function listeners(): Listing {
  return listing("listeners", {}, [
    { title: "PEER" },
    { title: "APP", least: 10, cut: "middle" },
    { title: "ENDPOINT", least: 16, cut: "middle" },
    { title: "PARAMETERS", spare: 2, least: 12 },
    { title: "SINCE", align: "right" },
    { title: "SENT", align: "right", spare: 1 },
    { title: "BEHIND", align: "right" },
    { title: "PROTOCOL", isWide: true },
  ], (listeners) =>
    sortNaturally(
      Object.entries(listeners),
      ([number, { peer, endpoint }]) => `${peer} ${endpoint} ${number}`,
    ).map(([name, listener]) => {
      const { peer, app, endpoint, params, since, sent, protocol } = listener;
      return {
        name,
        value: listener,
        cells: [
          cell(peer),
          cell(app),
          cell(endpoint),
          cell(new URLSearchParams(params).toString()),
          cell(age(since * 1000)),
          cell(sent),
          behindCell(listener),
          cell(protocol),
        ],
        isWell: !listener.behind,
      };
    }));
}

/** For how long somebody is behind. */
function behindCell({ behind, behindFor, slow }: Listener): Cell {
  if (!behind) return cell("no", "good");
  return cell(slow ? `slow, ${behindFor}s` : `${behindFor}s`, "bad");
}
