/** Where something is shown: a view of the dashboard. */
export interface Link {
  /** `["app", "console"]` */
  readonly path: readonly string[];
  readonly params?: Params;
}

/** How a view is filtered and ordered; one that is empty is as if it were not there. */
export type Params = Readonly<Record<string, string>>;
