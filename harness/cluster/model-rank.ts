import type { PendingStage } from "../../src/control/messages/rollout-record.ts";
import type { Placement } from "../../src/model/placement.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { slotCount } from "../../src/model/topology.ts";

/** What a rank is told when it asks a gateway. */
export interface Told {
  /** Null where it hears of what is pending only. */
  readonly snapshot: Pick<RoutingSnapshot, "epoch" | "placement"> | null;
  readonly rollout: {
    readonly retire: number;
    readonly pending: Pick<PendingStage, "epoch" | "phase" | "layers" | "placement"> | null;
  };
}

export type Acknowledgement = { readonly epoch: number; readonly phase: "prepared" | "committed" };

/**
 * A rank as the protocol wants it: it holds what the epoch it dispatches by names on it, what the stage it prepared
 * needs, and what it replaced until it may free it.
 */
export class ModelRank {
  readonly rank: number;
  alive = true;
  /** The epoch it dispatches by. */
  epoch = 0;
  /** Another at each start. */
  incarnation: number;
  /**
   * The last epoch that was published when its leader came to know of its last start; 0 while it has started once, and
   * infinity while the leader does not know. A later epoch names nothing on it but what it holds.
   */
  bornAt = 0;
  /** By epoch: what is ready, as `keyOf` numbers it. */
  readonly #held = new Map<number, ReadonlySet<number>>();
  #staged: { readonly epoch: number; readonly keys: ReadonlySet<number> } | null = null;

  constructor(rank: number) {
    this.rank = rank;
    this.incarnation = 1000 * (rank + 1);
  }

  holds(layer: number, expert: number): boolean {
    if (!this.alive) return false;
    return this.#has(keyOf(layer, expert));
  }

  die(): void {
    this.alive = false;
    this.#held.clear();
    this.#staged = null;
  }

  /** As a new process, which holds nothing and goes by what is published from now on. */
  start(): void {
    this.die();
    this.alive = true;
    this.incarnation++;
    this.bornAt = Number.POSITIVE_INFINITY;
    this.epoch = 0;
  }

  /** Does as it is told; an older word than one it had is no word. @returns what it has to say */
  receive({ snapshot, rollout }: Told): Acknowledgement | null {
    if (!this.alive || (snapshot !== null && snapshot.epoch < this.epoch)) return null;
    if (snapshot !== null && snapshot.epoch > this.epoch) this.#switchTo(snapshot);
    for (const epoch of this.#held.keys())
      if (epoch < rollout.retire && epoch < this.epoch) this.#held.delete(epoch);
    const { pending } = rollout;
    // A gateway that is cut off may still speak of a stage that was given up.
    if (pending?.phase === "prepare" && pending.epoch < (this.#staged?.epoch ?? 0)) return null;
    if (pending?.phase === "prepare" && pending.epoch > this.epoch) {
      const keys = keysOf(pending.placement, this.rank, pending.layers);
      this.#staged = { epoch: pending.epoch, keys: new Set(keys) };
      return { epoch: pending.epoch, phase: "prepared" };
    }
    return pending?.phase === "commit" && pending.epoch <= this.epoch
      ? { epoch: pending.epoch, phase: "committed" }
      : null;
  }

  /** Keeps of what it has what the snapshot names; the stage it prepared is part of it, or was given up. */
  #switchTo({ epoch, placement }: NonNullable<Told["snapshot"]>): void {
    const first = this.bornAt === 0 && epoch === 1;
    const all = Array.from({ length: placement.layers }, (_, layer) => layer);
    const keys = keysOf(placement, this.rank, all);
    const ready = keys.filter((key) => first || this.#has(key));
    this.#held.set(epoch, new Set(ready));
    this.epoch = epoch;
    if (this.#staged !== null && this.#staged.epoch <= epoch) this.#staged = null;
  }

  #has(key: number): boolean {
    if (this.#staged?.keys.has(key) === true) return true;
    for (const keys of this.#held.values()) if (keys.has(key)) return true;
    return false;
  }
}

const MOST_EXPERTS = 2 ** 16;

function keyOf(layer: number, expert: number): number {
  return layer * MOST_EXPERTS + expert;
}

function keysOf(
  { topology, physicalToLogical }: Placement,
  rank: number,
  layers: readonly number[],
): number[] {
  const width = slotCount(topology);
  const keys: number[] = [];
  for (const layer of layers) {
    const first = layer * width + rank * topology.slotsPerGpu;
    for (let i = first; i < first + topology.slotsPerGpu; i++)
      if (physicalToLogical[i] >= 0) keys.push(keyOf(layer, physicalToLogical[i]));
  }
  return keys;
}
