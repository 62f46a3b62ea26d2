import { podName } from "../../model/format.ts";
import type { Move } from "../../model/moves.ts";
import { Age, NodeLink } from "../parts.tsx";
import { href } from "../route.ts";
import { type Column, Table } from "../table.tsx";

/** A pod that came to a node or left it. */
interface MoveOfNode extends Move {
  readonly isArrival: boolean;
  /** The other node; "" for none. */
  readonly other: string;
}

const COLUMNS: readonly Column<MoveOfNode>[] = [
  {
    name: "pod",
    width: "40%",
    text: podName,
    show: (move) => {
      const { app, group, instance } = move;
      return (
        <a href={href(["pod", app, group, String(instance)])}>
          {podName(move)}
        </a>
      );
    },
  },
  {
    name: "moved",
    text: ({ isArrival, other }) =>
      [isArrival ? "here" : "away", other].join(" "),
    show: ({ isArrival, other }) => (
      <>
        {isArrival ? "here" : "away"} {other !== "" && (
          <>
            {isArrival ? "from" : "to"} <NodeLink name={other} />
          </>
        )}
      </>
    ),
  },
  {
    name: "when",
    width: "6rem",
    text: () => "",
    order: ({ time }) => time,
    show: ({ time }) => <Age time={time} />,
    isBeside: true,
  },
];

/** The pods that came to a node and that left it. @param moves the newest first; undefined while they are loaded */
export function Moves(
  { moves, node, since }: {
    moves?: readonly Move[];
    node: string;
    /** `since 14:09:50` */
    since: string;
  },
) {
  return (
    <section>
      <h2>Moved in the last hour</h2>
      {moves?.length === 0 && <p class="dim">No pod came or left {since}.</p>}
      {moves !== undefined && moves.length > 0 && (
        <Table
          label={`Pods that moved to or from ${node}`}
          columns={COLUMNS}
          items={moves.map((move) => ({
            ...move,
            isArrival: move.to === node,
            other: move.to === node ? move.from : move.to,
          }))}
          keyOf={({ app, group, instance, time }) =>
            `${app}/${group}/${instance} ${time}`}
        />
      )}
    </section>
  );
}
