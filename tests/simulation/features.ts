import { Random } from "../util/model.ts";

/** What a story has besides etcd, lainlets and those who ask by HTTP: not each pays for all. */
export interface Features {
  /** The state is saved on a disk. */
  readonly disk: boolean;
  /** There are callers by gRPC. */
  readonly grpc: boolean;
  /** Some connections are served by another thread. */
  readonly workers: boolean;
  /** etcd's authentication is on, and lainlets have a login. */
  readonly login: boolean;
  /** Some values are bad. */
  readonly bad: boolean;
  /** All processes are suspended for minutes. */
  readonly suspended: boolean;
  /** Faults come in the moment in which they do harm. */
  readonly worst: boolean;
}

/** With this factor the seeds that failed before there were features have none. */
const FACTOR = 4863;

/** The features of a seed's story. */
export function featuresOf(seed: number): Features {
  const random = new Random(seed * FACTOR % 2147483647 || 1);
  const has = (oneIn = 4) => random.below(oneIn) === 0;
  return {
    disk: has(),
    grpc: has(),
    workers: has(),
    login: has(),
    bad: has(7),
    suspended: has(),
    worst: has(8),
  };
}
