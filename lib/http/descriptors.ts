/** No more are counted at the start: a limit is 1,024 or 4,096 by default, or high. */
export const MANY = 4_200;

/**
 * How many file descriptors can be had at present, which is found out by
 * having them: no permission short of all shows the limit.
 *
 * @param most no more are counted; each takes some microseconds
 */
export function countDescriptors(most: number): number {
  using reserve = new Reserve();
  return reserve.fill(most);
}

/** File descriptors that are kept for later. */
export class Reserve implements Disposable {
  readonly #files: Deno.FsFile[] = [];

  /** Adds some. @returns how many there are, fewer than asked for if there are no more */
  fill(size: number): number {
    try {
      while (this.#files.length < size) {
        this.#files.push(Deno.openSync("/dev/null"));
      }
    } catch {
      // That was the last one.
    }
    return this.#files.length;
  }

  /** Gives some back, so that there are as many as asked for. */
  drain(size: number): void {
    while (this.#files.length > size) this.#files.pop()?.close();
  }

  [Symbol.dispose](): void {
    this.drain(0);
  }
}
