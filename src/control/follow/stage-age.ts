import type { Clock } from "../../lib/clock.ts";
import type { PoolView } from "./pool-view.ts";

/** How long the stage of a rollout has been under way, as this gateway sees it. */
export class StageAge {
  readonly #view: Pick<PoolView, "rollout">;
  readonly #clock: Clock;
  #epoch = 0;
  #sinceMs = 0;

  constructor(view: Pick<PoolView, "rollout">, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
  }

  /** The view has changed. */
  look(): void {
    const epoch = this.#view.rollout.pending?.epoch ?? 0;
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#sinceMs = this.#clock.now();
  }

  /** Milliseconds; 0 while none is. */
  get ms(): number {
    return this.#epoch === 0 ? 0 : this.#clock.now() - this.#sinceMs;
  }
}
