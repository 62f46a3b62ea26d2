const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  performance: globalThis.performance,
  Date: globalThis.Date,
};

/** The longest delay of a timer, in ms: a longer one counts as 1 ms. */
const MAX_DELAY = 2 ** 31 - 1;

interface Timer {
  readonly id: number;
  readonly action: () => void;
  /** When it fires, in ms since the clock began. */
  at: number;
  /** Timers of the same time fire in this order. */
  order: number;
  /** In ms; undefined: it fires once. */
  readonly interval?: number;
  isCleared: boolean;
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || a.at === b.at && a.order < b.order;
}

/**
 * A manual clock: timers, `Date` and `performance` of this process. A story
 * sets thousands of timers and clears most of them, so a cleared one stays in
 * the heap until its time comes.
 */
export class Clock implements Disposable {
  /** In ms since the clock began. */
  #now = 0;
  /** The change of the wall clock, in ms. */
  #set = 0;
  /** A binary heap: the timer at `i` is before those at `2i + 1` and `2i + 2`. */
  #heap: Timer[] = [];
  /** By id; without cleared ones. */
  readonly #timers = new Map<number, Timer>();
  #ids = 0;
  #orders = 0;
  #isFiring = false;

  /** @param begin in ms since 1970 */
  constructor(begin: number) {
    const now = () => begin + this.#now + this.#set;
    const clear = (id: number | undefined) => this.#clear(id);
    Object.assign(globalThis, {
      setTimeout: (action: () => void, delay?: number) =>
        this.#add(action, delay),
      clearTimeout: clear,
      setInterval: (action: () => void, interval = 0) =>
        this.#add(action, interval, interval),
      clearInterval: clear,
      performance: { timeOrigin: begin, now: () => this.#now },
      Date: class extends REAL.Date {
        constructor(time?: number | string) {
          super(time ?? now());
        }

        static override now = now;
      },
    });
  }

  /** The number of pending timers. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Advances to the next timer, if there is one, and fires it. */
  next(): void {
    const timer = this.#first();
    if (timer === undefined) return;
    this.#take();
    this.#fire(timer);
  }

  /** Advances at once; timers that were due meanwhile fire late. */
  jump(ms: number): void {
    const end = this.#now + ms;
    const timers = this.#heap.filter(({ isCleared }) => !isCleared);
    this.#heap = [];
    for (const timer of timers) {
      timer.at = Math.max(timer.at, end);
      this.#put(timer);
    }
    while ((this.#first()?.at ?? Infinity) <= end) this.next();
    this.#now = end;
  }

  /** Changes the wall clock, but neither timers nor `performance.now`. @param by in ms */
  set(by: number): void {
    this.#set += by;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, REAL);
  }

  #add(action: () => void, delay = 0, interval?: number): number {
    const ms = delay > MAX_DELAY ? 1 : Math.trunc(delay);
    // A timer that another one sets fires later than that.
    const after = ms > 0 ? ms : this.#isFiring ? 1 : 0;
    const timer: Timer = {
      id: ++this.#ids,
      action,
      at: this.#now + after,
      order: ++this.#orders,
      interval,
      isCleared: false,
    };
    this.#timers.set(timer.id, timer);
    this.#put(timer);
    return timer.id;
  }

  #clear(id = 0): void {
    const timer = this.#timers.get(id);
    if (timer === undefined) return;
    timer.isCleared = true;
    this.#timers.delete(id);
  }

  #fire(timer: Timer): void {
    this.#now = timer.at;
    if (timer.interval === undefined) this.#timers.delete(timer.id);
    else {
      timer.at += timer.interval;
      timer.order = ++this.#orders;
      this.#put(timer);
    }
    this.#isFiring = true;
    try {
      timer.action();
    } finally {
      this.#isFiring = false;
    }
  }

  /** The next timer that is not cleared. */
  #first(): Timer | undefined {
    while (this.#heap[0]?.isCleared) this.#take();
    return this.#heap[0];
  }

  #put(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above];
      if (other === undefined || !isBefore(timer, other)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = timer;
  }

  /** Removes the first timer from the heap. */
  #take(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (let next; (next = this.#firstBelow(at)) !== undefined; at = next) {
      const other = heap[next];
      if (other === undefined || !isBefore(other, last)) break;
      heap[at] = other;
    }
    heap[at] = last;
  }

  /** The index of the earlier child. */
  #firstBelow(at: number): number | undefined {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    const [one, other] = [this.#heap[left], this.#heap[right]];
    if (one === undefined) return undefined;
    return other !== undefined && isBefore(other, one) ? right : left;
  }
}
