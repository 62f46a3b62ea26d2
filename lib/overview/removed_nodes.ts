import type { Beginning } from "./recorded_since.ts";
import type { Cluster } from "../watcher/cluster.ts";
import type { ChangeLog } from "./change_log.ts";
import type { ChangeRecord } from "./change_record.ts";

/** A recorded removal of a node. */
interface Removal extends Beginning {
  /** Of its record. */
  readonly number: number;
}

/** Since when nodes are not registered any more, as far back as the history of changes goes. */
export class RemovedNodes {
  /** The last one of each node, by its key. */
  readonly #removals = new Map<string, Removal>();

  constructor(
    private readonly cluster: Cluster,
    log: Pick<ChangeLog, "records" | "subscribe">,
  ) {
    for (const record of log.records()) this.#add(record);
    log.subscribe("derived", (changes) => {
      for (const { value, previous } of changes) {
        if (value !== undefined) this.#add(value);
        else if (previous !== undefined) this.#drop(previous);
      }
    });
  }

  /** By key, `<name>:<ip>:<ssh port>`. */
  get since(): (readonly [key: string, Beginning])[] {
    return [...this.#removals]
      .filter(([key]) => this.cluster.nodes.get(key) === undefined);
  }

  #add({ kind, member: [, text], number, time }: ChangeRecord): void {
    if (kind !== "node") return;
    const { change, earliest, name } = JSON.parse(text);
    if (change !== "removed") return;
    this.#removals.set(name, {
      number,
      time,
      isAtLeast: earliest !== undefined,
    });
  }

  #drop({ kind, member: [, text], number }: ChangeRecord): void {
    if (kind !== "node") return;
    const { name } = JSON.parse(text);
    if (this.#removals.get(name)?.number === number) {
      this.#removals.delete(name);
    }
  }
}
