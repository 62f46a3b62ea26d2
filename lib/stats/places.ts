import { now } from "../clock.ts";

/** How many numbers there are of each place: frames, and since when it is behind. */
const NUMBERS = 2;

/** What a stream tells of itself. */
export interface StreamStats {
  /** Frames with a state or a patch that were sent. */
  readonly sent: number;
  /** Whether there is a newer state than its reader has taken. */
  readonly isBehind: boolean;
}

/**
 * What the threads note of each live stream, now and then: in memory that they
 * share, so that nobody has to be asked.
 */
export class Places {
  /** How many bytes so many places take. */
  static bytes(places: number): number {
    return places * NUMBERS * Uint32Array.BYTES_PER_ELEMENT;
  }

  constructor(private readonly notes: Uint32Array<SharedArrayBuffer>) {}

  /** Notes how a stream stands; for the thread that serves it. */
  note(place: number, { sent, isBehind }: StreamStats): void {
    this.notes[place * NUMBERS] = sent;
    const at = place * NUMBERS + 1;
    if (!isBehind) this.notes[at] = 0;
    else this.notes[at] ||= Math.floor(now() / 1000);
  }

  /** Frames that were sent. */
  sent(place: number): number {
    return this.notes[place * NUMBERS] ?? 0;
  }

  /** Since when a stream is behind whenever it is looked at, in seconds since 1970; 0: it is not. */
  behindSince(place: number): number {
    return this.notes[place * NUMBERS + 1] ?? 0;
  }

  /** Lets another one have a place. */
  clear(place: number): void {
    this.notes.fill(0, place * NUMBERS, (place + 1) * NUMBERS);
  }
}
