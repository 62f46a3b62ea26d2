import type { Container } from "../model.ts";
import { Address, AppLink, bytes, Facts, NodeLink, Value } from "../parts.tsx";

/** One container: where it is, and what it was specified to be. */
export function ContainerView({ container }: { container: Container }) {
  const { app, group, id, info, instance, ip, node } = container;
  return (
    <>
      <h1 class="mono">{id}</h1>
      <Facts
        facts={[
          ["app", <AppLink name={app} />],
          ["group", group],
          ["instance", instance],
          ["address", <Address ip={ip} port={info.Expose} />],
          ["node", <NodeLink name={node} />],
          ["image", <span class="mono">{info.Image}</span>],
          ["CPU limit", info.Cpu],
          ["memory limit", bytes(info.Memory)],
        ]}
      />
      <section>
        <h2>Command</h2>
        <Value value={(info.Command ?? []).join(" ")} />
      </section>
      <section>
        <h2>Environment</h2>
        <Value value={(info.Env ?? []).join("\n")} />
      </section>
      <section>
        <h2>Volumes</h2>
        <Value value={(info.Volumes ?? []).join("\n")} />
      </section>
    </>
  );
}
