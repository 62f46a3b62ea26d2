import { Type } from "@sinclair/typebox";
import { object, sortedByName } from "../json.ts";
import type { Json } from "../schema.ts";
import type { Depends, Portal } from "../watcher/depends.ts";

const PortalSchema = Type.Object({
  Annotation: Type.String(),
  Containers: Type.Array(Type.Object({
    ContainerID: Type.String(),
    IP: Type.String({ description: "Empty while it has none." }),
    NodeIP: Type.String(),
    Port: Type.Number(),
  })),
}, { $id: "Portal" });

/** The portals of a service, by node and app. */
export const Portals = Type.Record(
  Type.String(),
  Type.Record(Type.String(), PortalSchema),
  { $id: "Portals" },
);

/** The portals of a service as JSON text of {@linkcode Portals}. */
export function encodePortals({ nodes }: Depends): string {
  return object(nodes.map(({ name, portals }) => [
    name,
    object(
      portals.map((
        portal,
      ) => [portal.app, JSON.stringify(portalJson(portal))]),
    ),
  ]));
}

/** The portals of a service as {@linkcode Portals}. */
export function portalsJson({ nodes }: Depends): Json<typeof Portals> {
  return byName(nodes.map(({ name, portals }) => [
    name,
    byName(portals.map((portal) => [portal.app, portalJson(portal)])),
  ]));
}

function byName<T>(members: readonly (readonly [string, T])[]) {
  return Object.fromEntries(sortedByName(members));
}

function portalJson(
  { annotation, containers }: Portal,
): Json<typeof PortalSchema> {
  return {
    Annotation: annotation,
    Containers: containers.map(({ id, nodeIp, ip, port }) => ({
      ContainerID: id,
      IP: ip,
      NodeIP: nodeIp,
      Port: port,
    })),
  };
}
