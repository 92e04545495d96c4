import type { ControlledPool } from "../control/controlled-pool.ts";
import type { DecisionRecord } from "../model/decision-record.ts";
import type { PoolState } from "../model/pool-state.ts";
import { poolState } from "./pool-state.ts";

/** Says of one pool what it had not said before: its state where it is another, and decisions that are new or went on. */
export class PoolNews {
  readonly #pool: ControlledPool;
  readonly #send: (event: string, data: unknown) => void;
  readonly #stop: () => void;
  #said: string;
  #decisions: ReadonlyMap<number, string>;

  constructor(pool: ControlledPool, send: (event: string, data: unknown) => void) {
    this.#pool = pool;
    this.#send = send;
    this.#said = JSON.stringify(this.state);
    this.#decisions = byId(this.decisions);
    this.#stop = pool.loop.view.onChange(() => this.look());
    send("state", this.state);
    if (this.decisions.length > 0) send("decisions", { pool: pool.loop.pool, decisions: this.decisions });
  }

  get state(): PoolState {
    return poolState(this.#pool);
  }

  /** The oldest first. */
  get decisions(): readonly DecisionRecord[] {
    return this.#pool.loop.view.decisions;
  }

  stop(): void {
    this.#stop();
  }

  /** Time has passed, which is all that some of the state needs to be another. */
  lookAtState(): void {
    const { state } = this;
    const text = JSON.stringify(state);
    if (text !== this.#said) this.#send("state", state);
    this.#said = text;
  }

  /** Something may have changed. */
  look(): void {
    this.lookAtState();
    const before = this.#decisions;
    this.#decisions = byId(this.decisions);
    const fresh = this.decisions.filter(({ id }) => before.get(id) !== this.#decisions.get(id));
    if (fresh.length > 0) this.#send("decisions", { pool: this.#pool.loop.pool, decisions: fresh });
  }
}

function byId(decisions: readonly DecisionRecord[]): ReadonlyMap<number, string> {
  return new Map(decisions.map((decision) => [decision.id, JSON.stringify(decision)]));
}
