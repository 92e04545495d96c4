/** One shard that might have served a request. */
export interface Candidate {
  readonly shard: number;
  /** All scorers together, times the shard's slowness, divided by its weight. */
  readonly cost: number;
  /** Of each scorer, in the order of `RoutingScores.scorers`, as it was added. */
  readonly scores: readonly number[];
}

/** How one request got its shard: what each scorer added to the cost of each shard, in tokens of prefill work. */
export class RoutingScores {
  readonly scorers: string[] = [];
  /** `[scorers][shards]`: the cost after each. */
  readonly #sums: Float64Array[] = [];
  #policy: string | null = null;
  #cost = NO_COST;
  #eligible = NO_SHARDS;
  #chosen = -1;

  /** @param cost `[shards]`, with what the scorer added */
  added(scorer: string, cost: Float64Array): void {
    this.scorers.push(scorer);
    this.#sums.push(cost.slice());
  }

  /**
   * @param cost `[shards]`, times their slowness, divided by their weights
   * @param eligible `[shards]`: 1 for those that no filter kept away
   */
  chose(policy: string, cost: Float64Array, eligible: Uint8Array, chosen: number): void {
    this.#policy = policy;
    this.#cost = cost.slice();
    this.#eligible = eligible.slice();
    this.#chosen = chosen;
  }

  /** Null where no shard was eligible. */
  get policy(): string | null {
    return this.#policy;
  }

  get shards(): number {
    return this.#cost.length;
  }

  /** Shards that no filter kept away. */
  get eligible(): number {
    return this.#eligible.reduce((sum, one) => sum + one, 0);
  }

  /** The chosen shard, and then the cheapest others. @param most so many in all */
  candidates(most: number): Candidate[] {
    if (this.#chosen < 0) return [];
    const others = [...this.#eligible.keys()].filter(
      (shard) => this.#eligible[shard] === 1 && shard !== this.#chosen,
    );
    others.sort((a, b) => this.#cost[a] - this.#cost[b]);
    return [this.#chosen, ...others.slice(0, most - 1)].map((shard) => ({
      shard,
      cost: this.#cost[shard],
      scores: this.#sums.map((sum, i) => sum[shard] - (i === 0 ? 0 : this.#sums[i - 1][shard])),
    }));
  }
}

const NO_COST = new Float64Array(0);
const NO_SHARDS = new Uint8Array(0);
