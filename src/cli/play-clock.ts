/** Where something that is played is: its own time by the player's, while it goes on, stands still, and goes faster. */
export class PlayClock {
  #atMs = 0;
  #sinceMs = 0;
  #rate = 1;
  #paused = false;
  #pausedSince = 0;
  /** Ended pauses, in their order. */
  readonly #pauses: { readonly fromMs: number; readonly toMs: number }[] = [];

  get paused(): boolean {
    return this.#paused;
  }

  /** @param nowMs of the player, here and below not before the last call's. @returns of what is played */
  at(nowMs: number): number {
    return this.#atMs + (this.#paused ? 0 : (nowMs - this.#sinceMs) * this.#rate);
  }

  /** When it will be there, by the player's clock; Infinity while it stands still. */
  when(atMs: number, nowMs: number): number {
    return this.#paused ? Number.POSITIVE_INFINITY : nowMs + (atMs - this.at(nowMs)) / this.#rate;
  }

  jump(atMs: number, nowMs: number): void {
    this.#atMs = atMs;
    this.#sinceMs = nowMs;
  }

  /** @param rate > 0 */
  setRate(rate: number, nowMs: number): void {
    this.jump(this.at(nowMs), nowMs);
    this.#rate = rate;
  }

  pause(nowMs: number): void {
    if (this.#paused) return;
    this.jump(this.at(nowMs), nowMs);
    this.#paused = true;
    this.#pausedSince = nowMs;
  }

  goOn(nowMs: number): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#sinceMs = nowMs;
    this.#pauses.push({ fromMs: this.#pausedSince, toMs: nowMs });
  }

  /** How long of that time it stood still, by the player's clock. @param toMs not after now */
  pausedMs(fromMs: number, toMs: number): number {
    const open = this.#paused ? [{ fromMs: this.#pausedSince, toMs }] : [];
    return [...this.#pauses, ...open].reduce(
      (sum, pause) => sum + Math.max(0, Math.min(toMs, pause.toMs) - Math.max(fromMs, pause.fromMs)),
      0,
    );
  }
}
