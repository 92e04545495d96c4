import type { Explanation } from "../../core/planning/explanation.ts";
import type { DecisionKind, DecisionRecord, WeighedChange } from "../../model/decision-record.ts";
import { NO_CHANGES } from "../../model/placement-change.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { ChangeLog } from "./change-log.ts";
import { RecentWindows } from "./window-sums.ts";

/** What comes before a change is held against what comes after it over this long. */
const MEASURED_MS = 60_000;
const RECORDS_KEPT = 100;
/** What goes on by itself, what is measured and what repeats, is stored this often. */
const STORED_EVERY_MS = 5000;

/** What is told of a change as it begins. */
export type Decided = Pick<DecisionRecord, "kind" | "reason" | "weighed">;

/**
 * What was decided about a pool, by this leader and those before it, and what came of it. A record is *under way* until
 * all of it is published (*done*) or it is *given up*; it ends once. Shares and placements that were kept end at once,
 * and one record stands for all of them until experts are placed anew.
 */
export class DecisionLog {
  /** What was decided last, or has become of it: one sentence for a person. */
  reason: string;
  /** What was weighed for it; null where nothing was. */
  explanation: Explanation | null = null;
  /** What of the placement they changed. */
  readonly changes: ChangeLog;
  readonly #layers: number;
  readonly #wallClock: () => number;
  readonly #recent = new RecentWindows(MEASURED_MS);
  #records: readonly DecisionRecord[];
  /** The last whose epochs are published: what is forwarded now is what came of it. */
  #measured: number | null = null;
  /** Something began, or ended. */
  #dirty: boolean;
  /** Something went on. */
  #stale = false;
  #storedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param left   the records of the leaders before; what is under way there is over
   * @param layers that route
   * @param reason how the term began
   * @param changed what is kept of what they changed
   */
  constructor(
    left: readonly DecisionRecord[],
    layers: number,
    reason: string,
    wallClock: () => number,
    changed = NO_CHANGES,
  ) {
    const goneWithItsLeader = (record: DecisionRecord): DecisionRecord =>
      record.state !== "under way"
        ? record
        : { ...record, state: "given up", why: "its leader went", endMs: wallClock() };
    this.#records = left.map(goneWithItsLeader);
    this.#dirty = left.some(({ state }) => state === "under way");
    this.#layers = layers;
    this.#wallClock = wallClock;
    this.reason = reason;
    this.changes = new ChangeLog(changed, left, wallClock);
  }

  /** The oldest first. */
  get records(): readonly DecisionRecord[] {
    return this.#records;
  }

  /** Something is to be carried out. @returns its number, by which is said how it goes on */
  begin(decided: Decided): number {
    const { id } = this.#add(decided);
    this.changes.begin(id, decided);
    return id;
  }

  /** Its stages, before the first is published. */
  staged(id: number, of: number): void {
    this.#change(id, () => ({ stages: { done: 0, of } }));
  }

  /** A stage is published. */
  published(id: number, moved: { readonly slots: number; readonly bytes: number }): void {
    if (this.#measured !== id) this.#recent.forget();
    this.#measured = id;
    this.#change(id, ({ stages, movedSlots, movedBytes }) => ({
      stages: stages === null ? null : { ...stages, done: stages.done + 1 },
      movedSlots: movedSlots + moved.slots,
      movedBytes: movedBytes + moved.bytes,
    }));
  }

  /** @param why it was given up; null where it is done */
  end(id: number, why: string | null): void {
    this.changes.end(id);
    // Measured is what came after the last stage.
    if (this.#measured === id) this.#recent.forget();
    this.#change(id, () => ({ state: why === null ? "done" : "given up", why, endMs: this.#wallClock() }));
  }

  /** A placement was weighed, and the one in force stays. */
  kept(reason: string, explanation: Explanation): void {
    this.#fold({ kind: "kept", reason, weighed: weighedChange(explanation) });
  }

  /** New shares are published. */
  shares(reason: string, explanation: Explanation | null): void {
    const record = this.#fold({ kind: "shares", reason, weighed: weighedChange(explanation) });
    this.#put({ ...record, after: this.#recent.figures(this.#layers) });
  }

  /** What was lost is not counted on any more, and that is published. */
  lost(reason: string, before: RoutingSnapshot, after: RoutingSnapshot): void {
    const id = this.begin({ kind: "loss", reason, weighed: null });
    this.published(id, { slots: 0, bytes: 0 });
    this.changes.published(id, before, after);
    this.end(id, null);
  }

  /** What the pool did since the last time. */
  observe(window: PoolWindow): void {
    this.#recent.add(window);
    const record = this.#records.find(({ id }) => id === this.#measured);
    if (record === undefined || record.endMs === null) return;
    if (this.#wallClock() > record.endMs + MEASURED_MS) {
      this.#measured = null;
      this.#dirty = true;
    } else {
      this.#stale = true;
      this.#put({ ...record, after: this.#recent.figures(this.#layers) });
    }
  }

  /** @returns whether there is anything that should be stored now */
  isDue(nowMs: number): boolean {
    const goesOn = this.#stale && nowMs - this.#storedAtMs >= STORED_EVERY_MS;
    if (!this.#dirty && !goesOn) return false;
    this.#dirty = false;
    this.#stale = false;
    this.#storedAtMs = nowMs;
    return true;
  }

  #add({ kind, reason, weighed }: Decided): DecisionRecord {
    const atMs = this.#wallClock();
    const record: DecisionRecord = {
      id: (this.#records.at(-1)?.id ?? 0) + 1,
      kind,
      reason,
      state: "under way",
      why: null,
      atMs,
      endMs: null,
      times: 1,
      stages: null,
      movedSlots: 0,
      movedBytes: 0,
      weighed,
      before: this.#recent.figures(this.#layers),
      after: null,
    };
    this.#records = [...this.#records, record].slice(-RECORDS_KEPT);
    this.#dirty = true;
    return record;
  }

  /** One record for all of a kind since experts were placed last. */
  #fold(decided: Decided): DecisionRecord {
    const since = this.#last("placement", "repair", "loss")?.id ?? 0;
    const { kind, reason, weighed } = decided;
    const known = this.#last(kind);
    const endMs = this.#wallClock();
    if (known === undefined || known.id < since) {
      const record: DecisionRecord = { ...this.#add(decided), state: "done", endMs };
      this.#put(record);
      return record;
    }
    const record: DecisionRecord = { ...known, reason, weighed, endMs, times: known.times + 1 };
    this.#put(record);
    this.#stale = true;
    return record;
  }

  #last(...kinds: readonly DecisionKind[]): DecisionRecord | undefined {
    return this.#records.findLast(({ kind }) => kinds.includes(kind));
  }

  #change(id: number, change: (record: DecisionRecord) => Partial<DecisionRecord>): void {
    const record = this.#records.find((one) => one.id === id);
    if (record?.state !== "under way") return;
    this.#put({ ...record, ...change(record) });
    this.#dirty = true;
  }

  #put(record: DecisionRecord): void {
    this.#records = this.#records.map((one) => (one.id === record.id ? record : one));
  }
}

/** What the best of what was weighed would come to; null where there was nothing to weigh. */
export function weighedChange(explanation: Explanation | null): WeighedChange | null {
  if (explanation === null) return null;
  const { inForce, after, candidates, best } = explanation;
  const candidate = best === null ? null : candidates[best];
  return {
    before: { balancedness: inForce.balancedness, nodeHops: inForce.nodeHops },
    after: { balancedness: after.balancedness, nodeHops: after.nodeHops },
    movedSlots: candidate?.movedSlots ?? 0,
    movedBytes: candidate?.movedBytes ?? 0,
    gain: candidate?.gain ?? null,
    neededGain: candidate?.neededGain ?? null,
  };
}
