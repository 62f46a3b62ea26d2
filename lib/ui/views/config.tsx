import { useState } from "preact/hooks";
import { isSecret } from "../../access/secrets.ts";
import type { Model } from "../model.ts";
import { Table, Value } from "../parts.tsx";

/** The cluster's settings; secret ones are masked until they are asked for. */
export function ConfigView({ model }: { model: Model }) {
  return (
    <>
      <h1>Config</h1>
      <Table
        label="Settings"
        columns={["name", "value"]}
        rows={model.config.map(([name, value]) => [
          name,
          <span class="mono">{name}</span>,
          isSecret(name)
            ? <Secret name={name} value={value} />
            : <Value value={value} />,
        ])}
      />
    </>
  );
}

function Secret({ name, value }: { name: string; value: string }) {
  const [isShown, show] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-label={`${isShown ? "Hide" : "Show"} ${name}`}
        onClick={() => show(!isShown)}
      >
        {isShown ? "Hide" : "Show"}
      </button>{" "}
      {isShown ? <Value value={value} /> : <span class="dim">masked</span>}
    </>
  );
}
