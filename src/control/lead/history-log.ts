import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import { type PoolHistory, historyAt } from "../history/pool-history.ts";
import {
  type PoolCondition,
  type PoolRow,
  poolRowsTogether,
  quietFigures,
  windowFigures,
} from "../history/pool-row.ts";
import { SLOT_S, type TrafficRow, gatewaysTogether } from "../history/traffic-row.ts";
import type { TrafficMessage } from "../messages/pool-message.ts";

/** What was lost with a leader is so long; it is written as often as what was learned. */
const STORED_EVERY_MS = 10_000;
/** A gateway's report of a time that is further from now than this is of a wrong clock, or has waited too long. */
const LATE_S = 120;

/** What a pool did and how it was, second by second, by this leader and those before it; kept for a day. */
export class HistoryLog {
  readonly #wallClock: () => number;
  #pool: PoolRow[];
  #traffic: TrafficRow[];
  #dirty = false;
  #storedAtMs = Number.NEGATIVE_INFINITY;

  /** @param left by the leaders before */
  constructor(left: PoolHistory, wallClock: () => number) {
    this.#wallClock = wallClock;
    const { pool, traffic } = historyAt(left, this.#nowS);
    this.#pool = [...pool];
    this.#traffic = [...traffic];
  }

  /**
   * A round is over.
   * @param done what the pool did since the last; null where no window has ended
   * @param atMs when it was looked at, ms since 1970
   */
  observe(
    condition: PoolCondition,
    done: { window: PoolWindow; report: PoolReport } | null,
    atMs = this.#wallClock(),
  ): void {
    const figures =
      done === null ? quietFigures(condition) : windowFigures(done.window, done.report, condition);
    const last = this.#pool.at(-1);
    const now = Math.floor(atMs / 1000);
    this.#dirty = true;
    // Also where the clock was set back a little.
    if (last !== undefined && last.atS >= now)
      this.#pool[this.#pool.length - 1] = { ...last, ...poolRowsTogether(last, figures) };
    else this.#pool.push({ ...figures, atS: now, seconds: 1 });
  }

  /** What a gateway measured. */
  traffic({ atS, spanMs, ended, failed, ttft, itl }: TrafficMessage): void {
    if (Math.abs(this.#nowS - atS) > LATE_S) return;
    const figures = { spanMs, ended, failed, ttft, itl };
    const before = this.#traffic.findLastIndex((row) => row.atS <= atS);
    const same = this.#traffic.at(before);
    this.#dirty = true;
    if (before >= 0 && same?.atS === atS)
      this.#traffic[before] = { ...same, ...gatewaysTogether(same, figures) };
    else this.#traffic.splice(before + 1, 0, { ...figures, atS, seconds: SLOT_S });
  }

  /** @returns whether there is anything that should be stored now */
  isDue(nowMs: number): boolean {
    if (!this.#dirty || nowMs - this.#storedAtMs < STORED_EVERY_MS) return false;
    this.#storedAtMs = nowMs;
    return true;
  }

  /** To be stored now. */
  take(): PoolHistory {
    const history = historyAt({ pool: this.#pool, traffic: this.#traffic }, this.#nowS);
    this.#pool = [...history.pool];
    this.#traffic = [...history.traffic];
    this.#dirty = false;
    return history;
  }

  get #nowS(): number {
    return Math.floor(this.#wallClock() / 1000);
  }
}
