/** What a process takes at a time, in MB. */
export interface Sample {
  /** In ms since the first one could be. */
  readonly time: number;
  readonly resident: number;
  /** Of the main thread's objects, garbage among them. */
  readonly heap: number;
}

const MINUTE = 60_000;

/** What a process takes over time. */
export class Curve {
  readonly #samples: Sample[] = [];

  /** Takes a sample, later than all others. @returns a line when it is the first of another minute */
  add(sample: Sample): string | undefined {
    const last = this.#samples.at(-1);
    this.#samples.push(sample);
    const minute = Math.floor(sample.time / MINUTE);
    if (last === undefined || Math.floor(last.time / MINUTE) === minute) {
      return undefined;
    }
    const { resident, heap } = this.#least((minute - 1) * MINUTE, sample.time);
    return `minute ${String(minute).padStart(2)}: ${figure(resident)} MB, ` +
      `heap after a collection ${figure(heap)} MB`;
  }

  /**
   * How much more there is in the last third of the time than in the second,
   * as a share: of what is resident, each minute's least on the average; of
   * the heap the least of all, which is what a collection leaves.
   */
  get growth(): { readonly resident: number; readonly heap: number } {
    const end = this.#samples.at(-1)?.time ?? 0;
    const [before, after] = [
      this.#between(end / 3, 2 * end / 3),
      this.#between(2 * end / 3, end),
    ];
    return {
      resident: after.resident / before.resident - 1,
      heap: after.heap / before.heap - 1,
    };
  }

  #between(from: number, to: number): Omit<Sample, "time"> {
    let [sum, count, heap] = [0, 0, Infinity];
    for (let begin = from; begin < to; begin += MINUTE) {
      const least = this.#least(begin, Math.min(begin + MINUTE, to));
      if (least.resident === Infinity) continue;
      sum += least.resident;
      count++;
      heap = Math.min(heap, least.heap);
    }
    return { resident: sum / count, heap };
  }

  #least(from: number, to: number): Omit<Sample, "time"> {
    let [resident, heap] = [Infinity, Infinity];
    for (const sample of this.#samples) {
      if (sample.time < from || sample.time >= to) continue;
      resident = Math.min(resident, sample.resident);
      heap = Math.min(heap, sample.heap);
    }
    return { resident, heap };
  }
}

function figure(megabytes: number): string {
  return megabytes.toFixed(1);
}
