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

  /**
   * Replaces the views of API files.
   *
   * @returns the views that are served no more, and those that have their paths now; undefined: none has
   */
  replace(views: readonly View[]): ReadonlyMap<View, View | undefined> {
    const before = this.#all;
    this.#all = [...this.builtIn, ...views];
    this.#byPath = new Map(
      this.#all.flatMap((one) => one.paths.map((path) => [path, one])),
    );
    const replaced = new Map<View, View | undefined>();
    for (const view of before) {
      if (!("select" in view) || this.#all.includes(view)) continue;
      const [path] = view.paths;
      const successor = this.at(path);
      replaced.set(
        view,
        successor !== undefined && "select" in successor
          ? successor
          : undefined,
      );
    }
    return replaced;
  }
}
