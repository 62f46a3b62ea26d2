import type { Param } from "../endpoint.ts";
import { WATCH } from "../params.ts";

/** What answers can be asked in a way: all views, those that are objects, whatever has an entity tag, or streams alone. */
export type Askable = "view" | "object" | "tagged" | "stream";

/** A way to ask that is the same for many endpoints. */
interface CommonParameter {
  readonly in: "query" | "header";
  readonly of: Askable;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

const SWITCH = { enum: [...WATCH.on, ...WATCH.off] };

/** All ways to ask that do not belong to one endpoint, by their names. */
const COMMON: Readonly<Record<string, CommonParameter>> = {
  "watch": {
    in: "query",
    of: "view",
    description: "`1`: a live stream of Server-Sent Events. In any case.",
    schema: SWITCH,
  },
  "heartbeat": {
    in: "query",
    of: "view",
    description:
      "For a stream: seconds between `heartbeat` events; 0 or none: no heartbeats.",
    schema: { type: "integer", minimum: 0, maximum: 2_000_000 },
  },
  "patch": {
    in: "query",
    of: "object",
    description:
      "For a stream, `merge`: after the first state, what changed as a JSON Merge Patch (RFC 7396) in `patch` events.",
    schema: { enum: ["merge", ""] },
  },
  "tag": {
    in: "query",
    of: "view",
    description:
      "For a stream, `1`: before each event that has a state, comments say its entity tag and the revision that it rests on.",
    schema: SWITCH,
  },
  "since": {
    in: "query",
    of: "view",
    description:
      "For a stream: the entity tag of the state that the listener has, in double quotes, from any lainlet of the cluster. Nothing is sent while that is the present one; if it is still known, a patch from it, where patches were asked for; else `init`.",
    schema: { type: "string" },
  },
  "revision": {
    in: "query",
    of: "view",
    description:
      "For an answer: waits until lainlet has this revision of the store, for 5 s.",
    schema: { type: "integer", minimum: 0 },
  },
  "fresh": {
    in: "query",
    of: "view",
    description:
      "For an answer, `1`: waits for a proof, asked of the store now, that the state is current, for 5 s.",
    schema: SWITCH,
  },
  "If-None-Match": {
    in: "header",
    of: "tagged",
    description:
      "Entity tags: a state that has one of them is not sent, but a 304 (RFC 9110, 13.1.2).",
    schema: { type: "string" },
  },
  "Last-Event-ID": {
    in: "header",
    of: "stream",
    description:
      "As `since`, and before it; browsers send it by themselves when they come back (HTML, 9.2). What it cannot be is not looked at.",
    schema: { type: "string" },
  },
  "Prefer": {
    in: "header",
    of: "view",
    description:
      "For an answer, `wait=SECONDS` beside `If-None-Match`: the 304 comes only after that time, and before it the state, if it becomes another one (RFC 7240, 4.3); 300 at most.",
    schema: { type: "string" },
  },
};

/** The declarations of parameters, those that are shared once, as components. */
export class Parameters {
  /** `components.parameters` of OpenAPI. */
  readonly components: Record<string, unknown> = Object.fromEntries(
    Object.entries(COMMON).map(([name, { of: _, ...rest }]) => [
      name,
      { name, ...rest },
    ]),
  );
  readonly #shared = new Map<string, Param>();

  /** @param all an endpoint's parameters, as often as it has paths */
  constructor(all: Iterable<Readonly<Record<string, Param>>>) {
    const seen = new Set<Param>();
    for (const params of all) {
      for (const [name, param] of Object.entries(params)) {
        if (seen.has(param) && !(name in this.components)) {
          this.#shared.set(name, param);
          this.components[name] = own(name, param);
        }
        seen.add(param);
      }
    }
  }

  /**
   * What an operation has: its own parameters, and the ways in which it can be
   * asked. One of its own that is called like such a way is both.
   */
  of(
    params: Readonly<Record<string, Param>>,
    askable: ReadonlySet<Askable>,
  ): unknown[] {
    const common = Object.entries(COMMON)
      .filter(([, { of }]) => askable.has(of));
    const both = new Map(common);
    return [
      ...Object.entries(params).map(([name, param]) => {
        if (this.#shared.get(name) === param) return reference(name);
        const { description = "" } = both.get(name) ?? {};
        const whole = `${param.description} ${description}`.trim();
        return own(name, { ...param, description: whole });
      }),
      ...common.filter(([name]) => !(name in params))
        .map(([name]) => reference(name)),
    ];
  }
}

function reference(name: string): unknown {
  return { $ref: `#/components/parameters/${name}` };
}

function own(name: string, { description, required, example }: Param): unknown {
  return {
    name,
    in: "query",
    description,
    required: required ?? false,
    schema: { type: "string" },
    example,
  };
}
