/** A live stream. */
export interface Listening {
  /** The address of who listens. */
  readonly peer: string;
  /** Its path. */
  readonly endpoint: string;
  readonly protocol: "http" | "grpc";
  /** Those that the endpoint knows, as in a URL. */
  readonly params: string;
  /** In seconds since 1970. */
  readonly since: number;
}

/** How a stream is asked for. */
export interface Asked {
  readonly peer: string;
  /** Its path, by which streams are counted. */
  readonly endpoint: string;
  readonly protocol: Listening["protocol"];
  /** What is told of the parameters: those with these names. */
  readonly params: URLSearchParams;
  readonly names: Iterable<string>;
}

/** A stream's place among the others. */
export interface Place {
  readonly number: number;
  giveBack(): void;
}
