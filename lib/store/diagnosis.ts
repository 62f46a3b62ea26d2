/**
 * Why endpoints cannot be connected to, where the error does not tell: each is
 * looked at in another way whenever it fails.
 */
export class Diagnosis {
  readonly #found = new Map<string, string>();
  readonly #looking = new Set<string>();
  /** Counts connections. */
  #era = 0;

  /**
   * @param explain says what an error means; undefined: it does not tell
   * @param look looks at an endpoint; never throws
   * @param onFound called when that found something else than before
   */
  constructor(
    private readonly explain: (error: unknown) => string | undefined,
    private readonly look: (endpoint: string) => Promise<string | undefined>,
    private readonly onFound: (endpoint: string) => void,
  ) {}

  /** What a failure means: the error, or what was found when that does not tell. */
  of(endpoint: string, error: unknown): unknown {
    const explained = this.explain(error);
    if (explained !== undefined) return explained;
    if (!this.#looking.has(endpoint)) this.#look(endpoint);
    return this.#found.get(endpoint) ?? error;
  }

  /** Forgets all of it, as there is a connection. */
  clear(): void {
    this.#found.clear();
    this.#era++;
  }

  async #look(endpoint: string): Promise<void> {
    const era = this.#era;
    this.#looking.add(endpoint);
    const found = await this.look(endpoint);
    const before = this.#found.get(endpoint);
    if (era === this.#era && found !== before) {
      this.#found.delete(endpoint);
      if (found !== undefined) {
        this.#found.set(endpoint, found);
        this.onFound(endpoint);
      }
    }
    this.#looking.delete(endpoint);
  }
}
