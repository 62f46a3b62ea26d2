/** Keys to put, and keys to delete (null), in one revision. */
export type Changes = Readonly<Record<string, string | Uint8Array | null>>;

/** A real server of a store, in a process and a folder of its own. */
export interface TestStore extends AsyncDisposable {
  /** Where lainlet is to look for it. */
  readonly endpoint: string;
  /** Its process. */
  readonly pid: number;

  /** Starts the process, and waits until it answers. */
  launch(): Promise<void>;
  /** Ends the process without warning; its data stay. */
  kill(): Promise<void>;
  /** Stops the process for a while; its connections stay. */
  pause(): void;
  /** Lets a stopped process go on. */
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
  /** Forgets all revisions before the present one, where there is history. */
  compact(): Promise<void>;
}
