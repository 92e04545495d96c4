import type { Placement } from "../../model/placement.ts";
import type { MissingExperts } from "../../model/snapshot.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import type { AckPhase } from "../messages/pool-message.ts";

/** The stage that ranks are at work on. */
interface Stage {
  readonly epoch: number;
  readonly placement: Placement;
  readonly layers: readonly number[];
  phase: AckPhase;
  /** Ranks that have not acknowledged this phase. */
  readonly awaited: Set<number>;
  /** `[gpus]`: 1 where the weights of the stage are ready beside those in use. */
  readonly ready: Uint8Array;
}

/** A snapshot would name what is not there. Nothing like it is published. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/**
 * What the ranks of a pool hold ready, as far as its leader knows: what the published placement names on live ranks, and
 * what ranks have acknowledged of the stage on its way. Whatever is published is checked against that. Pure.
 */
export class PoolRanks {
  /** `[gpus]` */
  readonly #live: Uint8Array;
  #published: Placement;
  #stage: Stage | null = null;

  /** @param published the placement in force, of which live ranks hold what it names */
  constructor(published: Placement, lost: readonly number[]) {
    this.#live = new Uint8Array(gpuCount(published.topology)).fill(1);
    for (const rank of lost) this.#live[rank] = 0;
    this.#published = published;
  }

  isLive(rank: number): boolean {
    return this.#live[rank] === 1;
  }

  get lost(): readonly number[] {
    return [...this.#live.keys()].filter((rank) => this.#live[rank] === 0);
  }

  /** Ranks that the stage waits for; empty when all have acknowledged. Null without a stage. */
  get awaited(): ReadonlySet<number> | null {
    return this.#stage?.awaited ?? null;
  }

  /** Live ranks are asked to hold what these layers of `placement` need beside what they hold. */
  prepare(epoch: number, placement: Placement, layers: readonly number[]): void {
    const awaited = new Set([...this.#live.keys()].filter((rank) => this.#live[rank] === 1));
    const ready = new Uint8Array(this.#live.length);
    this.#stage = { epoch, placement, layers, phase: "prepared", awaited, ready };
  }

  /** @returns whether the stage waits for such an acknowledgement, or has had it */
  acknowledge(epoch: number, rank: number, phase: AckPhase): boolean {
    const stage = this.#stage;
    if (stage === null || stage.epoch !== epoch || this.#live[rank] === 0) return false;
    if (stage.phase !== phase) return stage.phase === "committed";
    stage.awaited.delete(rank);
    if (phase === "prepared") stage.ready[rank] = 1;
    return true;
  }

  /** What it held is gone. A stage in preparation needs it no more than others; whoever leads it decides. */
  lose(rank: number): void {
    this.#live[rank] = 0;
    this.#stage?.awaited.delete(rank);
    if (this.#stage !== null) this.#stage.ready[rank] = 0;
  }

  /** It is there, and holds nothing that anybody could count on. */
  restore(rank: number): void {
    this.#live[rank] = 1;
  }

  /** What was prepared is not counted on any more. */
  drop(): void {
    this.#stage = null;
  }

  /**
   * @returns the experts that `next` has no replica of
   * @throws InvariantViolation when it names a replica that is not ready on a live rank
   */
  check(next: Placement): readonly MissingExperts[] {
    const { layers, experts, topology, physicalToLogical } = next;
    const width = slotCount(topology);
    const missing: MissingExperts[] = [];
    const seen = new Uint8Array(experts);
    for (let layer = 0; layer < layers; layer++) {
      seen.fill(0);
      for (let slot = 0; slot < width; slot++) {
        const expert = physicalToLogical[layer * width + slot];
        if (expert < 0) continue;
        const rank = gpuOfSlot(topology, slot);
        if (!this.#holds(rank, layer, expert)) {
          const why = this.#live[rank] === 0 ? "which is lost" : "which has not said that it holds it";
          throw new InvariantViolation(`layer ${layer} names expert ${expert} on rank ${rank}, ${why}`);
        }
        seen[expert] = 1;
      }
      const without = [...seen.keys()].filter((expert) => seen[expert] === 0);
      if (without.length > 0) missing.push({ layer, experts: without });
    }
    return missing;
  }

  /** `placement` is in force. Of a stage whose placement it is, ranks are to acknowledge that they dispatch by it. */
  publish(epoch: number, placement: Placement): void {
    this.#published = placement;
    const stage = this.#stage;
    if (stage === null) return;
    if (stage.epoch !== epoch) {
      this.#stage = null;
      return;
    }
    stage.phase = "committed";
    for (const [rank, live] of this.#live.entries()) if (live === 1) stage.awaited.add(rank);
  }

  #holds(rank: number, layer: number, expert: number): boolean {
    if (this.#live[rank] === 0) return false;
    if (names(this.#published, rank, layer, expert)) return true;
    const stage = this.#stage;
    return (
      stage !== null &&
      stage.ready[rank] === 1 &&
      stage.layers.includes(layer) &&
      names(stage.placement, rank, layer, expert)
    );
  }
}

/** Whether the rank has a slot with the expert. */
function names(placement: Placement, rank: number, layer: number, expert: number): boolean {
  const { topology, physicalToLogical } = placement;
  const first = layer * slotCount(topology) + rank * topology.slotsPerGpu;
  for (let i = first; i < first + topology.slotsPerGpu; i++) if (physicalToLogical[i] === expert) return true;
  return false;
}
