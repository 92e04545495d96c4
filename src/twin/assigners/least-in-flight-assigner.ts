import type { Rng } from "../../lib/rng.ts";
import { type Arrival, type InFlightLoads, type RankAssigner, book } from "./rank-assigner.ts";

/** The rank with the fewest requests in flight, among those the fewest tokens; equals have the same chance. */
export class LeastInFlightAssigner implements RankAssigner {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array {
    return Int32Array.from(waiting, (arrival) => {
      const rank = this.#least(loads);
      if (rank >= 0) book(loads, arrival, rank);
      return rank;
    });
  }

  finished(): void {}

  adopt(): void {}

  /** −1 where none serves. */
  #least({ requests, tokens, serves }: InFlightLoads): number {
    let least = serves.indexOf(1);
    if (least < 0) return -1;
    let equals = 1;
    for (let rank = least + 1; rank < requests.length; rank++) {
      if (serves[rank] === 0) continue;
      const more = requests[rank] - requests[least] || tokens[rank] - tokens[least];
      if (more > 0) continue;
      equals = more < 0 ? 1 : equals + 1;
      if (equals === 1 || this.#rng.below(equals) === 0) least = rank;
    }
    return least;
  }
}
