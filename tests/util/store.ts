/** Keys to put, and keys to delete (null), in one revision. */
export type Changes = Readonly<Record<string, string | Uint8Array | null>>;

/** A real server of a store, with its own process and folder. */
export interface TestStore extends AsyncDisposable {
  /** The endpoint for lainlet. */
  readonly endpoint: string;
  /** Its process. */
  readonly pid: number;

  /** Starts the process, and waits until it responds. */
  launch(): Promise<void>;
  /** Ends the process without warning; its data stay. */
  kill(): Promise<void>;
  /** Suspends the process; its connections stay. */
  pause(): void;
  /** Resumes a suspended process. */
  resume(): void;
  /** Saves everything to a file or a folder. */
  save(path: string): Promise<void>;
  /** Replaces everything by what was saved, as an operator would: the process restarts. */
  restore(path: string): Promise<void>;

  /** Loses all data, as when a disk is replaced: the process restarts, with the same name and address. */
  wipe(): Promise<void>;

  /** Makes all changes, in one transaction where there are any. @returns the last revision */
  write(changes: Changes): Promise<number>;
  /** Writes a whole cluster, some keys at a time. */
  load(content: Readonly<Record<string, string>>): Promise<void>;
  /** All keys and values, as text. */
  content(): Promise<[key: string, value: string][]>;
  /** Removes everything. */
  clear(): Promise<void>;
  /** Compacts all revisions before the present one, if the store has history. */
  compact(): Promise<void>;
}
