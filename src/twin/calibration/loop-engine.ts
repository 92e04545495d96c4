import type { PoolRequest } from "../pool/pool-request.ts";
import type { PoolRole } from "../pool/pool-role.ts";
import type { PoolStep, SimulatedPool } from "../simulated-pool.ts";
import type { BenchmarkSettings } from "./benchmark-settings.ts";

/** A step with the time it took. */
export interface TimedStep {
  readonly step: PoolStep;
  readonly startMs: number;
  readonly endMs: number;
}

/** When an engine looks for new requests, and begins them. */
type LookingFor = Pick<BenchmarkSettings, "pollSteps" | "gatherSteps" | "batchWait">;

interface Arriving {
  readonly request: Omit<PoolRequest, "rank">;
  readonly readyMs: number;
}

/** One simulated engine on a time line of its own: requests become ready for it, and it steps while it has any. */
export class LoopEngine {
  readonly role: PoolRole;
  readonly #pool: SimulatedPool;
  readonly #looking: LookingFor;
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
  /** Requests that have a rank, and are not begun before every rank has one, with the steps since others were. */
  readonly #gathered: PoolRequest[] = [];
  #heldSteps = 0;

  /**
   * @param looking when it looks for new requests, and begins them (`BenchmarkSettings`)
   */
  constructor(pool: SimulatedPool, role: PoolRole, looking: LookingFor) {
    this.#pool = pool;
    this.role = role;
    this.#looking = looking;
    this.#answersOnly = looking.pollSteps;
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
      if (late) this.#answersOnly = this.#looking.pollSteps;
      this.#waits = true;
      this.#endMs = startMs;
      return null;
    }
    this.#waits = false;
    this.#answersOnly = step.prefillTokens > 0 ? this.#looking.pollSteps : this.#answersOnly + 1;
    this.#endMs = startMs + step.ms;
    return { step, startMs, endMs: this.#endMs };
  }

  #admit(untilMs: number): void {
    if (!this.#waits && this.#answersOnly < this.#looking.pollSteps) return;
    this.#answersOnly = 0;
    while (this.#arriving.length > 0 && this.#arriving[0].readyMs <= untilMs) {
      const { request } = this.#arriving.shift() as Arriving;
      const rank = this.#inFlight.indexOf(Math.min(...this.#inFlight));
      this.#inFlight[rank]++;
      this.#rankOf.set(request.id, rank);
      this.#gathered.push({ ...request, rank });
    }
    if (this.#gathered.length > 0 && this.#waitsForTokens()) return;
    if (this.#waitsForRanks()) return;
    this.#heldSteps = 0;
    for (const request of this.#gathered) this.#pool.submit(request);
    this.#gathered.length = 0;
  }

  /** TensorRT-LLM's `batch_wait_max_tokens_ratio` (`_waiting_requests`, `_torch/pyexecutor/py_executor.py`). */
  #waitsForTokens(): boolean {
    if (this.#looking.batchWait === null) return false;
    const answers = this.#rankOf.size - this.#gathered.length;
    const tokens = this.#gathered.reduce((sum, { inputTokens }) => sum + inputTokens, answers);
    const { batchWait } = this.#looking;
    return answers > 0 && tokens < batchWait.tokens && this.#heldSteps++ < batchWait.steps;
  }

  /** Its `attention_dp_config.enable_balance` (`_balance_adp_requests` there), which counts whether or not there are prompts. */
  #waitsForRanks(): boolean {
    if (this.#looking.gatherSteps === 0) return false;
    const answers = this.#inFlight.slice();
    for (const { rank } of this.#gathered) answers[rank]--;
    const everyRank = new Set(this.#gathered.map(({ rank }) => rank)).size === answers.length;
    // Where a rank has nothing to do, nobody is held up.
    return !everyRank && !answers.includes(0) && ++this.#heldSteps < this.#looking.gatherSteps;
  }
}
