const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  performance: globalThis.performance,
  Date: globalThis.Date,
};

/** The longest delay of a timer, in ms: a longer one counts as 1 ms. */
const LONGEST = 2 ** 31 - 1;

interface Timer {
  readonly id: number;
  readonly action: () => void;
  /** When it fires, in ms since the clock began. */
  at: number;
  /** Of two that fire at the same time, the lower one is first. */
  order: number;
  /** In ms; undefined: it fires once. */
  readonly interval?: number;
  isCleared: boolean;
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || a.at === b.at && a.order < b.order;
}

/**
 * A clock that moves when it is told to: timers, `Date` and `performance` of
 * this process. A story sets thousands of timers and clears most of them, so a
 * cleared one stays in the heap until its time comes.
 */
export class Clock implements Disposable {
  /** In ms since the clock began. */
  #now = 0;
  /** By how much the wall clock was set, in ms. */
  #set = 0;
  /** A binary heap: the timer at `i` is before those at `2i + 1` and `2i + 2`. */
  #heap: Timer[] = [];
  /** Those that are set. */
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

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Goes on to the next timer, if there is one, and fires it. */
  next(): void {
    const timer = this.#first();
    if (timer === undefined) return;
    this.#take();
    this.#fire(timer);
  }

  /** Goes on by so many ms at once; what was due meanwhile is late. */
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

  /** Sets the wall clock: neither timers nor `performance.now` notice. @param by in ms */
  set(by: number): void {
    this.#set += by;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, REAL);
  }

  #add(action: () => void, delay = 0, interval?: number): number {
    const ms = delay > LONGEST ? 1 : Math.trunc(delay);
    // What a timer sets does not fire at the same time.
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

  /** The next one that fires. */
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

  /** Takes the first one out of the heap. */
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

  /** Which of the two below another one is first. */
  #firstBelow(at: number): number | undefined {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    const [one, other] = [this.#heap[left], this.#heap[right]];
    if (one === undefined) return undefined;
    return other !== undefined && isBefore(other, one) ? right : left;
  }
}
