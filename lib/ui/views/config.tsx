import { isSecret } from "../../access/rights.ts";
import type { Model, Params } from "../../model/mod.ts";
import { Secret, Value } from "../parts.tsx";
import { setQuery } from "../route.ts";
import { type Column, Table } from "../table.tsx";

type Setting = Model["config"][number];

const COLUMNS: readonly Column<Setting>[] = [
  {
    name: "name",
    width: "30%",
    text: ([name]) => name,
    show: ([name]) => <span class="mono">{name}</span>,
  },
  {
    name: "value",
    text: ([name, value]) => isSecret(name) ? "masked" : value,
    show: ([name, value]) =>
      isSecret(name)
        ? <Secret name={name} value={value} />
        : <Value value={value} />,
  },
];

/** The settings of the cluster; secrets are masked until a click. */
export function ConfigView(
  { model, params }: { model: Model; params: Params },
) {
  return (
    <>
      <h1>Config</h1>
      <Table
        label="Settings"
        columns={COLUMNS}
        items={model.config}
        keyOf={([name]) => name}
        params={params}
        onParams={(next) => setQuery(["config"], next)}
        isTall
        empty="No settings."
      />
    </>
  );
}
