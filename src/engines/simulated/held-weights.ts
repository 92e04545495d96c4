import { gpusInService } from "../../model/placement.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { withoutRanks } from "../../twin/without-ranks.ts";

/**
 * What a pool's ranks hold of the map in force. A rank that stops loses all it holds; started again, it holds what it has
 * loaded since, which is what maps name of it after one that did not name it.
 */
export class HeldWeights {
  readonly #stopped = new Set<number>();
  /** Ranks that do not hold what the map names of them. */
  readonly #empty = new Set<number>();
  #named: ReadonlySet<number> = new Set();

  get stopped(): readonly number[] {
    return [...this.#stopped];
  }

  /** @param map in force from now on. @returns what the ranks can dispatch by */
  adopt(map: ReplicaMap): ReplicaMap {
    this.#named = new Set(gpusInService(map.placement));
    this.#settle();
    return this.of(map);
  }

  /** What the ranks can dispatch by. @param map in force */
  of(map: ReplicaMap): ReplicaMap {
    return withoutRanks(map, [...this.#empty]);
  }

  lose(rank: number): void {
    this.#stopped.add(rank);
    this.#empty.add(rank);
  }

  restore(rank: number): void {
    this.#stopped.delete(rank);
    this.#settle();
  }

  #settle(): void {
    for (const rank of this.#empty)
      if (!this.#stopped.has(rank) && !this.#named.has(rank)) this.#empty.delete(rank);
  }
}
