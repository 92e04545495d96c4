import {
  ENGINE_FAULTS,
  type EngineFault,
  type EngineFaultKind,
  type WatchedEngine,
} from "../../model/watched-engine.ts";
import type { EngineWindow } from "../messages/engine-window.ts";
import { ranksText } from "../lead/ranks-text.ts";

/** Rebalances are overdue after so many times the steps between two. */
const OVERDUE = 2;
/** Counts that are the same in so many windows, one after the other, do not move. */
const FROZEN_WINDOWS = 3;
/** Reports have stopped when none came for so many windows, and not for less than the time below. */
const SILENT_WINDOWS = 3;
/** A window is so many steps, and one of prefills takes ten times as long as one of decodes. */
const SILENT_MS = 60_000;
/** An engine that has been silent for a day is taken to be gone. */
const FORGET_MS = 86_400_000;

/** The moment of what is received, and what the gateways know then. */
export interface Moment {
  /** Milliseconds, never backwards. */
  readonly nowMs: number;
  /** Milliseconds since 1970, for people. */
  readonly atMs: number;
  /** Requests that the pool's servers are working on, of all gateways. */
  readonly inFlight: number;
}

/**
 * The watchdog of an engine that balances its experts by itself. Pure: time is an argument.
 *
 * It is *unwatched* until a report says something of the engine, and again after a day of silence; else *watched*. A
 * report of another engine, of fewer steps or of fewer rebalances than the last one is of a new start, and is the first
 * of that start. While it is watched, each fault is there or not, independently of the others:
 *
 * | fault     | begins when                                                          | ends with               |
 * |-----------|----------------------------------------------------------------------|-------------------------|
 * | `stopped` | steps since a rebalance was seen, or since the start was first seen, | a rebalance, a start,   |
 * |           | are more than twice those between two                                | balancing switched off  |
 * | `frozen`  | three windows in a row have the same counts while steps advance; of  | other counts, a start   |
 * |           | empty ones only those that end with requests in flight               |                         |
 * | `map`     | two reports in a row name ranks with another map than most           | one that names none     |
 * | `table`   | two in a row name ranks with another table than they should have     | one that names none     |
 * | `silent`  | no report for three windows and 60 s, with requests in flight in all | a report                |
 * |           | of that time                                                         |                         |
 *
 * Of the ranks that a report names, a fault has those that the report before names too: ranks need not be looked at in
 * the same instant, and while tables change they differ.
 *
 * Promised, at any step:
 *
 * 1. The first report of a start begins no fault; who is idle is never `silent`, and empty windows
 *    of an engine without requests (it runs dummy batches) are never `frozen`.
 * 2. `sinceMs` of a fault stays as it is while the fault lasts; a fault is there once at most.
 * 3. What `engine` gives is all that another watch needs to go on: with the same faults since the same time, and the same
 *    steps since the last rebalance. What it takes several reports, or some time, to find, it finds anew.
 */
export class EngineWatch {
  #engine: WatchedEngine | null;
  /** Counts of the last window, and how many had the same; null where they are not known. */
  #same: { readonly counts: string; readonly windows: number } | null = null;
  /** Ranks that the last report named; null where it is not known. */
  #named: Pick<EngineWindow, "otherMap" | "otherTable"> | null = null;
  /** When the last report came or nothing was in flight, by the clock that never runs backwards. */
  #quietSinceMs: number;

  /** @param before what the pool's last leader knew */
  constructor(before: WatchedEngine | null, nowMs: number) {
    this.#engine = before;
    this.#quietSinceMs = nowMs;
  }

  /** The same object as long as nothing has changed; null while unwatched. */
  get engine(): WatchedEngine | null {
    return this.#engine;
  }

  receive(report: EngineWindow, moment: Moment): void {
    const { name, step, rebalances, rebalanceEvery, dispatch, balancedness, ranks, windowMs } = report;
    const last = this.#lastOfStart(report);
    const stepsSinceRebalance =
      last === null || rebalances > last.rebalances ? 0 : last.stepsSinceRebalance + step - last.step;
    const overdue = rebalanceEvery > 0 && stepsSinceRebalance > OVERDUE * rebalanceEvery;
    const found = new Map<EngineFaultKind, Finding>();
    if (overdue) found.set("stopped", stopped(stepsSinceRebalance, rebalanceEvery));
    if (this.#isFrozen(report, last, moment.inFlight)) found.set("frozen", FROZEN);
    const before = this.#namedBefore(last);
    const onMap = report.otherMap.filter((rank) => before.otherMap.includes(rank));
    const byTable = report.otherTable.filter((rank) => before.otherTable.includes(rank));
    if (onMap.length > 0) found.set("map", otherMap(onMap));
    if (byTable.length > 0) found.set("table", otherTable(byTable));
    this.#named = report;
    this.#quietSinceMs = moment.nowMs;
    this.#engine = {
      name,
      step,
      rebalances,
      rebalanceEvery,
      stepsSinceRebalance,
      dispatch,
      balancedness,
      ranks,
      windowMs,
      measuredAtMs: moment.atMs,
      faults: this.#faultsOf(found, moment.atMs),
    };
  }

  /** Time passes: to be called several times in a window. */
  pass({ nowMs, atMs, inFlight }: Moment): void {
    const engine = this.#engine;
    if (engine === null) return;
    if (has(engine, "silent")) {
      if (atMs - engine.measuredAtMs > FORGET_MS) this.#engine = null;
      return;
    }
    if (inFlight === 0) this.#quietSinceMs = nowMs;
    if (nowMs - this.#quietSinceMs <= Math.max(SILENT_MS, SILENT_WINDOWS * engine.windowMs)) return;
    const silent = { kind: "silent", sinceMs: atMs, ...SILENT };
    this.#engine = { ...engine, faults: [...engine.faults, silent] };
  }

  /** The report before, where that is of the same start. */
  #lastOfStart({ name, step, rebalances }: EngineWindow): WatchedEngine | null {
    const last = this.#engine;
    const same = last !== null && last.name === name && last.step <= step && last.rebalances <= rebalances;
    return same ? last : null;
  }

  #namedBefore(last: WatchedEngine | null): Pick<EngineWindow, "otherMap" | "otherTable"> {
    const known = last === null ? null : this.#named;
    // Of the leader before it is known what it found.
    const found = (kind: EngineFaultKind) => last?.faults.find((fault) => fault.kind === kind)?.ranks ?? [];
    return known ?? { otherMap: found("map"), otherTable: found("table") };
  }

  #isFrozen({ counts, empty, step }: EngineWindow, last: WatchedEngine | null, inFlight: number): boolean {
    const before = this.#same;
    const was = last !== null && has(last, "frozen");
    // Of the leader before it is known what it found, and not what it counted.
    if (last !== null && before === null && was) {
      this.#same = { counts, windows: FROZEN_WINDOWS };
      return true;
    }
    const repeats = last !== null && before?.counts === counts;
    // Where nothing ran, the counts had no reason to move.
    if (repeats && step === last.step) return was;
    const tells = !empty || inFlight > 0;
    const windows = tells ? (repeats ? before.windows : 0) + 1 : 0;
    this.#same = { counts, windows };
    return windows >= FROZEN_WINDOWS || (repeats && was);
  }

  #faultsOf(found: ReadonlyMap<EngineFaultKind, Finding>, atMs: number): readonly EngineFault[] {
    const before = this.#engine?.faults ?? [];
    return ENGINE_FAULTS.flatMap((kind) => {
      const finding = found.get(kind);
      if (finding === undefined) return [];
      const sinceMs = before.find((fault) => fault.kind === kind)?.sinceMs ?? atMs;
      return [{ kind, sinceMs, ...finding }];
    });
  }
}

type Finding = Pick<EngineFault, "ranks" | "text">;

const FROZEN: Finding = { ranks: [], text: "its expert counts do not move while it serves" };
const SILENT: Finding = { ranks: [], text: "its reports have stopped coming while it serves" };

function stopped(steps: number, every: number): Finding {
  return { ranks: [], text: `it has not rebalanced for ${steps} steps, and should every ${every}` };
}

function otherMap(ranks: readonly number[]): Finding {
  return { ranks, text: `${ranksText(ranks)} on another map of experts than most` };
}

function otherTable(ranks: readonly number[]): Finding {
  return { ranks, text: `${ranksText(ranks)} dispatching by another table than planned` };
}

function has({ faults }: WatchedEngine, kind: EngineFaultKind): boolean {
  return faults.some((fault) => fault.kind === kind);
}
