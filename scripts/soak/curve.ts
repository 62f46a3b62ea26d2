/** The memory of a process at a time, in MB. */
export interface Sample {
  /** In ms since the first sample could have been taken. */
  readonly time: number;
  readonly resident: number;
  /** Objects of the main thread, garbage included. */
  readonly heap: number;
}

const MINUTE = 60_000;
const KB = 1 / 1024;

/** Connections of a client that have ended. */
export interface Ended {
  /** Those on which HTTP/2 was spoken. */
  readonly sessions: number;
  /** Those that were closed as soon as they were accepted. */
  readonly refused: number;
}

/**
 * What Deno before 2.9.4 leaks of each such connection, in MB: the session of
 * nghttp2 and its buffers, and JavaScript objects. Measured on 2.7.11 over 1,500
 * sessions and 240 refused connections; nothing on 2.9.6.
 * (https://github.com/denoland/deno/pull/36043)
 */
const LEAKED = {
  sessions: { resident: 26 * KB, heap: 4 * KB },
  refused: { resident: 9 * KB, heap: 1 * KB },
};

/** Whether a version of Deno leaks HTTP/2 sessions. */
export function leaksSessions(deno: string): boolean {
  const [major = 0, minor = 0, patch = 0] = deno.split(".").map(Number);
  return major < 2 || major === 2 && (minor < 9 || minor === 9 && patch < 4);
}

/** A sample without what the runtime has leaked. */
export function withoutLeaked(sample: Sample, ended: Ended): Sample {
  const leaked = (kind: "resident" | "heap") =>
    ended.sessions * LEAKED.sessions[kind] +
    ended.refused * LEAKED.refused[kind];
  return {
    time: sample.time,
    resident: sample.resident - leaked("resident"),
    heap: sample.heap - leaked("heap"),
  };
}

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
