import type { PoolRequest } from "../pool/pool-request.ts";
import type { PoolRole } from "../pool/pool-role.ts";
import type { PoolStep, SimulatedPool } from "../simulated-pool.ts";

/** A step with the time it took. */
export interface TimedStep {
  readonly step: PoolStep;
  readonly startMs: number;
  readonly endMs: number;
}

interface Arriving {
  readonly request: Omit<PoolRequest, "rank">;
  readonly readyMs: number;
}

/** One simulated engine on a time line of its own: requests become ready for it, and it steps while it has any. */
export class LoopEngine {
  readonly role: PoolRole;
  readonly #pool: SimulatedPool;
  readonly #pollSteps: number;
  /** By when they are ready. */
  readonly #arriving: Arriving[] = [];
  readonly #inFlight: Int32Array;
  readonly #rankOf = new Map<number, number>();
  /** When the last step is over, and when it began. */
  #endMs = 0;
  #begunMs = 0;
  /** Nothing that it has can run: it waits for requests, or for cache that is held. */
  #waits = true;
  /** Steps since the last one with prompts, or since it last looked for requests. */
  #answersOnly: number;

  /** @param pollSteps steps of answers after which it looks for new requests */
  constructor(pool: SimulatedPool, role: PoolRole, pollSteps: number) {
    this.#pool = pool;
    this.role = role;
    this.#pollSteps = pollSteps;
    this.#answersOnly = pollSteps;
    this.#inFlight = new Int32Array(pool.count);
  }

  /** Requests for each of its ranks, on average. */
  get load(): number {
    return (this.#arriving.length + this.#rankOf.size) / this.#inFlight.length;
  }

  /** When its next step begins; infinite while nothing is to come. */
  get nextMs(): number {
    if (!this.#waits) return this.#endMs;
    if (this.#arriving.length === 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.#endMs, this.#arriving[0].readyMs);
  }

  /** Bytes of a sequence's cache on each of a rank's GPUs. */
  kvBytes(tokens: number): number {
    return this.#pool.kvBytes(tokens);
  }

  expect(request: Omit<PoolRequest, "rank">, readyMs: number): void {
    let at = this.#arriving.length;
    while (at > 0 && this.#arriving[at - 1].readyMs > readyMs) at--;
    this.#arriving.splice(at, 0, { request, readyMs });
  }

  /** A request is over here. */
  leave(id: number): void {
    const rank = this.#rankOf.get(id);
    if (rank === undefined) return;
    this.#rankOf.delete(id);
    this.#inFlight[rank]--;
  }

  /** Frees the cache that a prompt has kept for another engine. */
  release(id: number, nowMs: number): void {
    this.#pool.release(id);
    if (!this.#waits) return;
    this.#waits = false;
    this.#endMs = Math.max(this.#endMs, nowMs);
  }

  /** Its next step; null where nothing can run until something comes. */
  step(): TimedStep | null {
    const startMs = this.nextMs;
    // Engines make up a step while the one before it runs: what arrives meanwhile is in the next but one.
    this.#admit(this.#waits ? startMs : this.#begunMs);
    this.#begunMs = startMs;
    const step = this.#pool.step();
    if (step === null) {
      // Who has come since the last step began is looked at once it is over.
      const late = this.#arriving.length > 0 && this.#arriving[0].readyMs <= startMs;
      if (late) this.#answersOnly = this.#pollSteps;
      this.#waits = true;
      this.#endMs = startMs;
      return null;
    }
    this.#waits = false;
    this.#answersOnly = step.prefillTokens > 0 ? this.#pollSteps : this.#answersOnly + 1;
    this.#endMs = startMs + step.ms;
    return { step, startMs, endMs: this.#endMs };
  }

  #admit(untilMs: number): void {
    if (!this.#waits && this.#answersOnly < this.#pollSteps) return;
    this.#answersOnly = 0;
    while (this.#arriving.length > 0 && this.#arriving[0].readyMs <= untilMs) {
      const { request } = this.#arriving.shift() as Arriving;
      const rank = this.#inFlight.indexOf(Math.min(...this.#inFlight));
      this.#inFlight[rank]++;
      this.#rankOf.set(request.id, rank);
      this.#pool.submit({ ...request, rank });
    }
  }
}
