/** Times to the first byte kept per shard, the latest: enough for a median. */
const FIRST_BYTES = 64;

/**
 * The outcomes of recent requests, per shard. Counted in halves of the window, so that it covers between a half and the
 * whole of the window.
 */
export class OutcomeWindow {
  readonly #halfMs: number;
  readonly #shards: number;
  /** `[2][shards]`: this half and the one before. */
  readonly #answers: Int32Array;
  readonly #failures: Int32Array;
  /** `[shards][FIRST_BYTES]`, each a ring, and how many were ever written to it. */
  readonly #firstBytes: Float64Array;
  readonly #written: Int32Array;
  #half = 0;
  #beganMs: number;

  constructor(shards: number, windowMs: number, nowMs: number) {
    this.#halfMs = windowMs / 2;
    this.#shards = shards;
    this.#beganMs = nowMs;
    this.#answers = new Int32Array(2 * shards);
    this.#failures = new Int32Array(2 * shards);
    this.#firstBytes = new Float64Array(shards * FIRST_BYTES);
    this.#written = new Int32Array(shards);
  }

  /** What the shard did in this half of the window and the one before. @param from its place before */
  resume(shard: number, before: OutcomeWindow, from: number): void {
    for (const [half, old] of [
      [this.#half, before.#half],
      [1 - this.#half, 1 - before.#half],
    ]) {
      this.#answers[half * this.#shards + shard] = before.#answers[old * before.#shards + from];
      this.#failures[half * this.#shards + shard] = before.#failures[old * before.#shards + from];
    }
    const ring = before.#firstBytes.subarray(from * FIRST_BYTES, (from + 1) * FIRST_BYTES);
    this.#firstBytes.set(ring, shard * FIRST_BYTES);
    this.#written[shard] = before.#written[from];
  }

  answered(shard: number, firstByteMs: number): void {
    this.#answers[this.#half * this.#shards + shard]++;
    this.#firstBytes[shard * FIRST_BYTES + (this.#written[shard] % FIRST_BYTES)] = firstByteMs;
    this.#written[shard] = (this.#written[shard] + 1) & 0x3fff_ffff;
  }

  failed(shard: number): void {
    this.#failures[this.#half * this.#shards + shard]++;
  }

  failures(shard: number): number {
    return this.#failures[shard] + this.#failures[this.#shards + shard];
  }

  requests(shard: number): number {
    return this.#answered(shard) + this.failures(shard);
  }

  /** Of the latest answers; NaN without any. */
  medianFirstByteMs(shard: number): number {
    const count = Math.min(FIRST_BYTES, this.#answered(shard), this.#written[shard]);
    const latest = Array.from({ length: count }, (_, back) => {
      const at = (this.#written[shard] - 1 - back) % FIRST_BYTES;
      return this.#firstBytes[shard * FIRST_BYTES + at];
    });
    return latest.sort((a, b) => a - b)[Math.floor(count / 2)] ?? Number.NaN;
  }

  /** What the shard did before no longer counts. */
  forget(shard: number): void {
    for (const at of [shard, this.#shards + shard]) {
      this.#answers[at] = 0;
      this.#failures[at] = 0;
    }
  }

  /** @returns whether a half of the window is over */
  tick(nowMs: number): boolean {
    const halves = Math.floor((nowMs - this.#beganMs) / this.#halfMs);
    if (halves < 1) return false;
    for (let turn = 0; turn < Math.min(halves, 2); turn++) {
      this.#half = 1 - this.#half;
      const from = this.#half * this.#shards;
      this.#answers.fill(0, from, from + this.#shards);
      this.#failures.fill(0, from, from + this.#shards);
    }
    this.#beganMs += halves * this.#halfMs;
    return true;
  }

  #answered(shard: number): number {
    return this.#answers[shard] + this.#answers[this.#shards + shard];
  }
}
