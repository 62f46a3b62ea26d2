/**
 * Aborts when a parent signal does, as a child context does in Go. It listens
 * to the parent until it is aborted: whoever makes one aborts it at the end of
 * its own work, and leaves nothing behind on a parent that lives longer.
 * `AbortSignal.any` cannot do that: a signal that it gave and that something
 * listens to is kept by its sources until they abort (seen in Node.js 20 and
 * 22, and in Deno 2.9).
 */
export class ChildController extends AbortController {
  readonly #onAbort = () => this.abort(this.parent?.reason);

  constructor(private readonly parent?: AbortSignal) {
    super();
    if (parent?.aborted) super.abort(parent.reason);
    else parent?.addEventListener("abort", this.#onAbort);
  }

  override abort(reason?: unknown): void {
    if (this.signal.aborted) return;
    this.parent?.removeEventListener("abort", this.#onAbort);
    super.abort(reason);
  }
}
