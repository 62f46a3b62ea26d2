import type { Param } from "../endpoint.ts";
import { SWITCH_VALUES } from "../params.ts";

/** Which endpoints have a common parameter: views, views that are objects, those with an entity tag, or those that are streams only. */
export type Capability = "view" | "object" | "tagged" | "stream";

/** A parameter that many endpoints have. */
interface CommonParameter {
  readonly in: "query" | "header";
  readonly of: Capability;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

const SWITCH = { enum: [...SWITCH_VALUES.on, ...SWITCH_VALUES.off] };

/** The common parameters, by name. */
const COMMON: Readonly<Record<string, CommonParameter>> = {
  "watch": {
    in: "query",
    of: "view",
    description: "`1`: a live stream of Server-Sent Events. Case-insensitive.",
    schema: SWITCH,
  },
  "heartbeat": {
    in: "query",
    of: "view",
    description:
      "For a stream: the seconds between `heartbeat` events. 0 or none: no heartbeats.",
    schema: { type: "integer", minimum: 0 },
  },
  "patch": {
    in: "query",
    of: "object",
    description:
      "For a stream, `merge`: after the first state, `patch` events carry changes as a JSON Merge Patch (RFC 7396).",
    schema: { enum: ["merge", ""] },
  },
  "tag": {
    in: "query",
    of: "view",
    description:
      "For a stream, `1`: before each event with a state, comments carry its entity tag and its revision.",
    schema: SWITCH,
  },
  "since": {
    in: "query",
    of: "view",
    description:
      "For a stream: the entity tag of the client's state, in double quotes, from any lainlet of the cluster. While it is the present state, nothing is sent. Otherwise the stream starts with a patch, if patches were requested and the state is still known, or else with `init`.",
    schema: { type: "string" },
  },
  "client": {
    in: "query",
    of: "view",
    description:
      "For a stream: a name of the client, by which it is found in `/v2/listeners`.",
    schema: { type: "string" },
  },
  "revision": {
    in: "query",
    of: "view",
    description:
      "For a GET: waits up to 5 s until lainlet has this revision of the store.",
    schema: { type: "integer", minimum: 0 },
  },
  "fresh": {
    in: "query",
    of: "view",
    description:
      "For a GET, `1`: asks the store now whether the state is current, and waits up to 5 s for the confirmation.",
    schema: SWITCH,
  },
  "If-None-Match": {
    in: "header",
    of: "tagged",
    description:
      "Entity tags. When the present state has one of them, the response is 304 (RFC 9110, 13.1.2).",
    schema: { type: "string" },
  },
  "Last-Event-ID": {
    in: "header",
    of: "stream",
    description:
      "As `since`, and with precedence over it; browsers send it when they reconnect (HTML, 9.2). Other values are ignored.",
    schema: { type: "string" },
  },
  "Prefer": {
    in: "header",
    of: "view",
    description:
      "For a GET with `If-None-Match`, `wait=SECONDS`: waits for another state, and responds 304 when none came in that time (RFC 7240, 4.3). At most 300.",
    schema: { type: "string" },
  },
};

/** Parameters in OpenAPI's form. Those that several operations have are components. */
export class Parameters {
  /** `components.parameters` of OpenAPI. */
  readonly components: Record<string, unknown> = Object.fromEntries(
    Object.entries(COMMON).map(([name, { of: _, ...rest }]) => [
      name,
      { name, ...rest },
    ]),
  );
  readonly #shared = new Map<string, Param>();

  /** @param all the parameters of each operation */
  constructor(all: Iterable<Readonly<Record<string, Param>>>) {
    const seen = new Set<Param>();
    for (const params of all) {
      for (const [name, param] of Object.entries(params)) {
        if (seen.has(param) && !(name in this.components)) {
          this.#shared.set(name, param);
          this.components[name] = inline(name, param);
        }
        seen.add(param);
      }
    }
  }

  /**
   * The parameters of an operation: its own and the common ones. When both have
   * one of the same name, that has both descriptions.
   */
  of(
    params: Readonly<Record<string, Param>>,
    capabilities: ReadonlySet<Capability>,
  ): unknown[] {
    const common = Object.entries(COMMON)
      .filter(([, { of }]) => capabilities.has(of));
    const commonByName = new Map(common);
    return [
      ...Object.entries(params).map(([name, param]) => {
        if (this.#shared.get(name) === param) return reference(name);
        const { description = "" } = commonByName.get(name) ?? {};
        const text = `${param.description} ${description}`.trim();
        return inline(name, { ...param, description: text });
      }),
      ...common.filter(([name]) => !(name in params))
        .map(([name]) => reference(name)),
    ];
  }
}

function reference(name: string): unknown {
  return { $ref: `#/components/parameters/${name}` };
}

function inline(
  name: string,
  { description, required, example }: Param,
): unknown {
  return {
    name,
    in: "query",
    description,
    required: required ?? false,
    schema: { type: "string" },
    example,
  };
}
