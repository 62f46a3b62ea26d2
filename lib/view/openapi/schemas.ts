import { isObject } from "../../json.ts";

/** Schemas, those that have a name (`$id`) once, as components. */
export class Schemas {
  /** `components.schemas` of OpenAPI. */
  readonly components: Record<string, unknown> = {};

  /**
   * A schema in which those with a name are references.
   *
   * @throws {Error} when two that differ have one name
   */
  of(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.of(one));
    if (!isObject(schema)) return schema;
    const { $id: name, ...rest } = schema;
    const own = Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, this.of(value)]),
    );
    if (typeof name !== "string") return own;
    const known = this.components[name] ??= own;
    if (JSON.stringify(known) !== JSON.stringify(own)) {
      throw new Error(`there are two schemas called ${name}`);
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}
