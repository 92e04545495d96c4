import type { Rng } from "../../lib/rng.ts";

/** Multi-token prediction: tokens are drafted behind an answer's last one, and forwarded with it. */
export interface Speculation {
  readonly draftTokens: number;
  /** Chance that a drafted token is what the model makes, given that those before it were: DeepSeek-V3's report has 0.85 to 0.9. */
  readonly acceptance: number;
}

/** How many tokens a step makes of each answer. */
export class AcceptedDrafts {
  readonly #acceptance: number;
  readonly #rng: Rng;

  constructor({ acceptance }: Speculation, rng: Rng) {
    this.#acceptance = acceptance;
    this.#rng = rng;
  }

  /** Of so many drafted tokens those before the first that is refused. */
  draw(drafted: number): number {
    let accepted = 0;
    while (accepted < drafted && this.#rng.uniform() < this.#acceptance) accepted++;
    return accepted;
  }
}
