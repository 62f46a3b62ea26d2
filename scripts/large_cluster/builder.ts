import { createHash } from "node:crypto";
import {
  type GroupSpec,
  type InstanceSpec,
  type NodeSpec,
  WELL,
  written,
} from "../cluster.ts";

/** Hexadecimal digits that look like a commit or a container's id. */
function hex(name: string, length: number): string {
  return createHash("sha256").update(name).digest("hex").slice(0, length);
}

/** A LAIN release: when, in seconds since 1970, and the commit. */
export function release(app: string, time: number): string {
  return `${Math.floor(time / 1000)}-${hex(`${app} ${time}`, 40)}`;
}

/** Groups, on nodes, with what each needs of its own. */
export class Builder {
  readonly nodes: readonly NodeSpec[];
  readonly groups: GroupSpec[] = [];
  #pods = 0;
  #addresses = 0;

  /**
   * @param now what times count back from, in ms since 1970
   * @param kept the name of the node on which are only groups that are put there
   */
  constructor(
    nodes: number,
    private readonly kept: string,
    readonly now: number,
  ) {
    this.nodes = Array.from({ length: nodes }, (_, i) => ({
      name: `node${i + 1}`,
      ip: `192.0.2.${i + 1}`,
    }));
  }

  get pods(): number {
    return this.#pods;
  }

  /** A group of well pods, but for what `trouble` says of one. */
  add(
    spec: Omit<GroupSpec, "instances" | "version">,
    size: number,
    trouble: (instance: number) => Partial<InstanceSpec> = () => ({}),
  ): void {
    const hour = 3_600_000;
    const released = this.now - (1 + this.groups.length % 90) * 24 * hour;
    const instances = Array.from({ length: size }, (_, i) => {
      const id = hex(`${spec.app}.${spec.proc} ${i}`, 64);
      return {
        node: this.#nextNode(),
        ip: this.nextAddress(),
        id,
        ...WELL,
        updated: written(released + i * 60_000),
        target: "run",
        restarts: 0,
        restarted: "0001-01-01T00:00:00Z",
        drifts: this.#pods % 50 === 0 ? 1 : 0,
        ...trouble(i + 1),
      } as const;
    });
    this.groups.push({
      wanted: size,
      ...WELL,
      updated: written(released),
      version: release(spec.app, released),
      ...spec,
      instances,
    });
  }

  nextAddress(): string {
    const number = this.#addresses++;
    return `172.20.${Math.floor(number / 250)}.${number % 250 + 1}`;
  }

  node(name: string): NodeSpec {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  /** Spread over all nodes but that one. */
  #nextNode(): NodeSpec {
    const free = this.nodes.filter(({ name }) => name !== this.kept);
    return free[this.#pods++ * 7 % free.length] ?? this.node("node1");
  }
}
