import type { ControlledPool } from "../control/controlled-pool.ts";
import { SLOT_S } from "../control/history/traffic-row.ts";
import { NO_TRAFFIC, type TrafficSlots } from "../serving/traffic/traffic-slots.ts";

const SLOT_MS = SLOT_S * 1000;

/**
 * Reports to the pools' leaders what this gateway has measured, slot by slot of the clock on the wall: so that the
 * reports of several gateways are of the same times.
 */
export class TrafficReports {
  readonly #pools: readonly ControlledPool[];
  readonly #slots: Pick<TrafficSlots, "take">;
  readonly #wallClock: () => number;
  #timer: NodeJS.Timeout | null = null;
  #sinceMs: number;

  /** @param pools those there are now, whenever it is asked */
  constructor(pools: readonly ControlledPool[], slots: Pick<TrafficSlots, "take">, wallClock: () => number) {
    this.#pools = pools;
    this.#slots = slots;
    this.#wallClock = wallClock;
    this.#sinceMs = wallClock();
  }

  start(): void {
    this.#sinceMs = this.#wallClock();
    this.#await();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #await(): void {
    const untilNext = SLOT_MS - (this.#wallClock() % SLOT_MS);
    this.#timer = setTimeout(() => {
      this.#report();
      this.#await();
    }, untilNext).unref();
  }

  #report(): void {
    const nowMs = this.#wallClock();
    // A timer may ring a little before its time.
    const end = Math.round(nowMs / SLOT_MS) * SLOT_MS;
    const spanMs = Math.min(SLOT_MS, Math.max(0, Math.round(nowMs - this.#sinceMs)));
    const measured = this.#slots.take();
    this.#sinceMs = nowMs;
    for (const { loop } of this.#pools) {
      const figures = { ...(measured.get(loop.pool) ?? NO_TRAFFIC), spanMs };
      // Without its store nobody keeps a history.
      loop.reportTraffic(end / 1000 - SLOT_S, figures).catch(() => {});
    }
  }
}
