import type { OutlierSettings } from "./settings.ts";

/** Which shards of a pool are sent nothing for a while because they are outliers, and how often lately. */
export class Ejections {
  readonly #settings: OutlierSettings;
  /** `[shards]`; 0 for a shard that is not ejected. */
  readonly #untilMs: Float64Array;
  /** `[shards]`: one more with each ejection, one less each time the shard is judged and is no outlier. */
  readonly #times: Int32Array;

  constructor(shards: number, settings: OutlierSettings) {
    this.#settings = settings;
    this.#untilMs = new Float64Array(shards);
    this.#times = new Int32Array(shards);
  }

  /** @param from the shard's place before */
  resume(shard: number, before: Ejections, from: number): void {
    this.#untilMs[shard] = before.#untilMs[from];
    this.#times[shard] = before.#times[from];
  }

  has(shard: number): boolean {
    return this.#untilMs[shard] > 0;
  }

  /** Milliseconds until the shard is sent requests again; 0 when it is not ejected. */
  remainingMs(shard: number, nowMs: number): number {
    return this.has(shard) ? Math.max(0, this.#untilMs[shard] - nowMs) : 0;
  }

  /** @returns false when as many are ejected as may be */
  eject(shard: number, nowMs: number): boolean {
    const { ejectMs, maxEjectMs, maxEjectedPercent } = this.#settings;
    const most = Math.max(1, Math.floor((this.#untilMs.length * maxEjectedPercent) / 100));
    if (this.has(shard) || this.#untilMs.filter((until) => until > 0).length >= most) return false;
    this.#times[shard]++;
    this.#untilMs[shard] = nowMs + Math.min(maxEjectMs, ejectMs * this.#times[shard]);
    return true;
  }

  /** The shard was judged and is no outlier. */
  passed(shard: number): void {
    if (this.#times[shard] > 0) this.#times[shard]--;
  }

  /** @returns whether the shard's ejection has just ended */
  tick(shard: number, nowMs: number): boolean {
    if (!this.has(shard) || nowMs < this.#untilMs[shard]) return false;
    this.#untilMs[shard] = 0;
    return true;
  }
}
