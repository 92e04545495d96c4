/** What one process has in flight of a model, `[pools]` each. */
export interface LocalityLoad {
  readonly requests: number;
  /** Where they are, and where they would be by experts; as `PoolLocality` has them. */
  readonly went: Float64Array;
  readonly would: Float64Array;
  /** Turns, prefixes, sessions and tenants that something is known of there. */
  readonly kinds: number;
}

/** What the processes that this one counts for have in flight of a model. */
export class OtherProcesses {
  readonly #loads = new Map<number, LocalityLoad>();

  set(process: number, load: LocalityLoad): void {
    this.#loads.set(process, load);
  }

  gone(process: number): void {
    this.#loads.delete(process);
  }

  get requests(): number {
    return [...this.#loads.values()].reduce((sum, { requests }) => sum + requests, 0);
  }

  /** Each process knows its own: those of the one that knows the most. */
  get kinds(): number {
    return Math.max(0, ...[...this.#loads.values()].map(({ kinds }) => kinds));
  }

  /** @param own `[pools]` */
  sum(own: Float64Array, of: "went" | "would"): Float64Array {
    const sum = own.slice();
    for (const load of this.#loads.values()) for (const [i, tokens] of load[of].entries()) sum[i] += tokens;
    return sum;
  }
}
