import type { CustomEndpoint } from "./custom_endpoint.ts";
import type { View } from "./view.ts";

/** The endpoints that are served: built-in ones, and the views of API files, which may be replaced. */
export class Endpoints {
  #all: readonly (View | CustomEndpoint)[] = [];
  #byPath: ReadonlyMap<string, View | CustomEndpoint> = new Map();

  constructor(private readonly builtIn: readonly (View | CustomEndpoint)[]) {
    this.replace([]);
  }

  /** All of them; another list after each {@linkcode replace}. */
  get all(): readonly (View | CustomEndpoint)[] {
    return this.#all;
  }

  at(path: string): View | CustomEndpoint | undefined {
    return this.#byPath.get(path);
  }

  viewAt(path: string): View | undefined {
    const endpoint = this.at(path);
    return endpoint && "select" in endpoint ? endpoint : undefined;
  }

  /**
   * Replaces the views of API files.
   *
   * @returns the first paths of views, at which nothing is served any more
   */
  replace(views: readonly View[]): readonly string[] {
    const before = this.#all.map(({ paths: [path] }) => path);
    this.#all = [...this.builtIn, ...views];
    this.#byPath = new Map(
      this.#all.flatMap((one) => one.paths.map((path) => [path, one])),
    );
    return before.filter((path) => !this.#byPath.has(path));
  }
}
