import { changedSlotsOf, touchedBy } from "../../core/migration/placement-diff.ts";
import type { DecisionRecord } from "../../model/decision-record.ts";
import type { PlacedForecast, PlacementChange, PoolChanges } from "../../model/placement-change.ts";
import type { PoolReport } from "../../model/pool-report.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";

/** Of all changes together that are kept; the newest is, however many it has. Up to ten bytes each. */
export const CHANGED_SLOTS_KEPT = 32_768;

type Load = PoolReport["expertLoad"];

/** A decision that may publish something yet. */
interface Begun {
  /** What was expected when it was decided; null where nothing was known. */
  readonly load: Load | null;
  readonly atMs: number;
  /** What is in force is what it was made for, from its first epoch on; else (repairs, losses) for what it was before. */
  readonly anew: boolean;
  /** It was weighed for that load: going back to an earlier epoch is not. */
  readonly weighed: boolean;
  /** In force before its first epoch; null until that is published. */
  before: RoutingSnapshot | null;
}

/** What decisions changed of the placement, slot by slot, and the load that the one in force was made for. */
export class ChangeLog {
  readonly #wallClock: () => number;
  #forecast: PlacedForecast | null;
  #changes: readonly PlacementChange[];
  readonly #begun = new Map<number, Begun>();
  #load: Load | null = null;
  #dirty = false;

  /** @param left by the leaders before @param records what is known of decisions: changes of others are dropped */
  constructor(
    { forecast, changes }: PoolChanges,
    records: readonly Pick<DecisionRecord, "id">[],
    wallClock: () => number,
  ) {
    const ids = new Set(records.map(({ id }) => id));
    this.#wallClock = wallClock;
    this.#forecast = forecast;
    this.#changes = changes.filter(({ decision }) => ids.has(decision));
  }

  /** What is expected next, and decided by. */
  expect(load: Load): void {
    this.#load = load;
  }

  begin(id: number, { kind, weighed }: Pick<DecisionRecord, "kind" | "weighed">): void {
    this.#begun.set(id, {
      load: this.#load,
      atMs: this.#wallClock(),
      anew: kind === "placement",
      weighed: weighed !== null,
      before: null,
    });
  }

  /** Some of it is in force. @param before what was, until then */
  published(id: number, before: RoutingSnapshot, after: RoutingSnapshot): void {
    const begun = this.#begun.get(id);
    if (begun === undefined) return;
    const first = (begun.before ??= before);
    const { layers, experts, topology } = first.placement;
    const slots = changedSlotsOf(first.placement, after.placement);
    const change: PlacementChange = {
      decision: id,
      epochBefore: first.epoch,
      epochAfter: after.epoch,
      layers,
      experts,
      topology,
      slots,
      touched: touchedBy(slots, first.placement, begun.load),
    };
    this.#changes = bounded([...this.#changes.filter(({ decision }) => decision !== id), change]);
    const { load, atMs, anew, weighed } = begun;
    if (anew) this.#forecast = weighed && load !== null ? { decision: id, atMs, load } : null;
    this.#dirty = true;
  }

  /** It publishes nothing more. */
  end(id: number): void {
    this.#begun.delete(id);
  }

  /** @returns what is to be stored now; null where that is stored already */
  take(): PoolChanges | null {
    if (!this.#dirty) return null;
    this.#dirty = false;
    return { forecast: this.#forecast, changes: this.#changes };
  }
}

/** As many of the newest as may be kept. */
function bounded(changes: readonly PlacementChange[]): readonly PlacementChange[] {
  let room = CHANGED_SLOTS_KEPT - (changes.at(-1)?.slots.at.length ?? 0);
  let first = changes.length - 1;
  while (first > 0 && room >= changes[first - 1].slots.at.length) room -= changes[--first].slots.at.length;
  return changes.slice(Math.max(0, first));
}
