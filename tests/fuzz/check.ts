import type { IAsyncProperty, IProperty } from "fast-check";

/** Tries a property with whatever may come, for as long as there is time. */
export type Check = <T>(
  property: IProperty<T> | IAsyncProperty<T>,
) => Promise<void>;

/** What holds whatever comes, and how to try it. */
export type Fuzz = (check: Check) => Promise<void>;
