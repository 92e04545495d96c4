/**
 * A rate limit: fills at a rate up to its burst, and what is let through is taken out. An amount larger than the burst
 * needs a full bucket, so that it passes at all. A debt is no more than the burst: nobody waits longer than two take to
 * fill.
 */
export class TokenBucket {
  #perMs = 0;
  #burst = 0;
  #level = 0;
  #atMs: number;

  /**
   * Full at first.
   * @param perSecond 0 for no limit
   */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#atMs = nowMs;
    this.update(perSecond, burst, nowMs);
    this.#level = this.#burst;
  }

  /** What is in it; negative while a debt is paid off. */
  level(nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#level = Math.min(this.#burst, this.#level + (nowMs - this.#atMs) * this.#perMs);
      this.#atMs = nowMs;
    }
    return this.#level;
  }

  /** Milliseconds until the amount may be taken: 0 for now. */
  waitMs(amount: number, nowMs: number): number {
    const lacking = Math.min(amount, this.#burst) - this.level(nowMs);
    return lacking <= 0 ? 0 : lacking / this.#perMs;
  }

  /** How far it is used up; null where there is no limit. */
  standing(nowMs: number): { limit: number; remaining: number; resetMs: number } | null {
    if (this.#burst === Number.POSITIVE_INFINITY) return null;
    const remaining = this.level(nowMs);
    return { limit: this.#burst, remaining, resetMs: (this.#burst - remaining) / this.#perMs };
  }

  take(amount: number, nowMs: number): void {
    this.#level = Math.max(-this.#burst, this.level(nowMs) - amount);
  }

  /** What was taken was not used. */
  giveBack(amount: number, nowMs: number): void {
    this.#level = Math.min(this.#burst, this.level(nowMs) + amount);
  }

  /** The most that can be in it. */
  get burst(): number {
    return this.#burst;
  }

  /** Another limit from now on: what was taken under the old one stays taken. */
  update(perSecond: number, burst: number, nowMs: number): void {
    const taken = this.#burst - this.level(nowMs);
    this.#perMs = perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond / 1000;
    this.#burst = perSecond === 0 ? Number.POSITIVE_INFINITY : burst;
    this.#level = Math.max(-this.#burst, this.#burst - (Number.isFinite(taken) ? taken : 0));
  }
}
