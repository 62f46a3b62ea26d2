import { Random } from "../util/model.ts";

/** Optional parts of a story: all of them in each story would slow down the simulation. */
export interface Features {
  /** The state is saved on a disk. */
  readonly disk: boolean;
  /** There are gRPC clients. */
  readonly grpc: boolean;
  /** Some connections are served by another thread. */
  readonly workers: boolean;
  /** etcd's authentication is enabled, and lainlets have a login. */
  readonly login: boolean;
  /** Some values are invalid. */
  readonly invalidValues: boolean;
  /** All processes are suspended for minutes. */
  readonly suspended: boolean;
  /** Some faults come in the moment in which they do most harm. */
  readonly targeted: boolean;
  /** Each member of a ZooKeeper ensemble begins sessions by itself (`localSessionsEnabled`). */
  readonly localSessions: boolean;
}

/** Chosen so that the oldest seeds of `seeds.txt` have no features, as when they failed. */
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
    invalidValues: has(7),
    suspended: has(),
    targeted: has(8),
    localSessions: has(2),
  };
}
