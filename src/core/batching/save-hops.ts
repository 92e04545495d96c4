import type { Assignment } from "./list-ranks.ts";
import type { RequestKinds } from "./request-kinds.ts";
import type { Phase, RankState, WaitingRequests } from "./waiting-requests.ts";

/** Rounds over all pairs at most; after a few hardly anything is found. */
const ROUNDS = 3;
/** Partners looked at for one request. */
const PARTNERS = 16;
/** Hops that an exchange has to save: rounding is not a gain. */
const LEAST_GAIN = 1e-9;
/** Nobody: the other side hands a request over and gets none. */
const NOBODY = -1;
const NONE = -2;

/** What a rank has to stay within. */
interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** A node, or a single rank, and the requests assigned to it. */
interface Group {
  /** Its column in the hops. */
  readonly index: number;
  readonly ranks: readonly number[];
  requests: number[];
}

/**
 * Exchanges requests between two nodes, then between two ranks of a node, or hands one over, wherever that saves
 * expected hops and no rank leaves the bounds of balance: the least and the most that any has, or `tolerance` around
 * the mean where that is wider; of work, in decode of cache in use too. All pairs in turn, until a round finds nothing.
 *
 * @param assignment changed in place
 */
export function saveHops(
  requests: WaitingRequests,
  ranks: RankState,
  kinds: RequestKinds,
  assignment: Assignment,
  phase: Phase,
  tolerance: number,
): void {
  const inService = [...ranks.places.keys()].filter((rank) => ranks.places[rank] > 0);
  const nodeOf = (rank: number) => Math.floor(rank / kinds.gpusPerNode);
  const exchange = new Exchange(requests, ranks, inService, assignment, phase, tolerance);
  exchange.improve(inService, nodeOf, kinds.nodeHops, kinds.count);
  for (const node of new Set(inService.map(nodeOf))) {
    const together = inService.filter((rank) => nodeOf(rank) === node);
    exchange.improve(together, (rank) => rank, kinds.rankHops, kinds.count);
  }
}

class Exchange {
  readonly #requests: WaitingRequests;
  readonly #assignment: Assignment;
  readonly #kvCapacity: Float64Array;
  readonly #work: Bounds;
  readonly #kv: Bounds;
  /** `[count]`: hops per token it would cost to have the request in the other group of the pair. */
  readonly #change: Float64Array;

  constructor(
    requests: WaitingRequests,
    ranks: RankState,
    inService: readonly number[],
    assignment: Assignment,
    phase: Phase,
    tolerance: number,
  ) {
    const { rankOf, work, kvTokens, places } = assignment;
    this.#requests = requests;
    this.#assignment = assignment;
    this.#kvCapacity = ranks.kvCapacityTokens;
    this.#change = new Float64Array(requests.count);
    const bounds = (values: Float64Array, fullest: readonly number[]): Bounds => {
      const mean = inService.reduce((sum, rank) => sum + values[rank], 0) / inService.length;
      let least = mean * (1 - tolerance);
      let most = mean * (1 + tolerance);
      for (const rank of inService) if (places[rank] > 0) least = Math.min(least, values[rank]);
      for (const rank of fullest) most = Math.max(most, values[rank]);
      return { least, most };
    };
    // A rank that had more work than any now gets must not set the measure for the others.
    const loaded = new Set(rankOf);
    const given = inService.filter((rank) => loaded.has(rank));
    this.#work = bounds(work, given);
    this.#kv =
      phase === "decode" ? bounds(kvTokens, inService) : { least: 0, most: Number.POSITIVE_INFINITY };
  }

  /**
   * @param columnOf the node of a rank, or the rank itself: what is exchanged between
   * @param hops     `[kinds][columns]`: per token
   */
  improve(
    ranks: readonly number[],
    columnOf: (rank: number) => number,
    hops: Float64Array,
    kinds: number,
  ): void {
    const present = [...new Set(ranks.map(columnOf))];
    const groups = present.map(
      (index): Group => ({
        index,
        ranks: ranks.filter((rank) => columnOf(rank) === index),
        requests: [],
      }),
    );
    const groupOf = new Map(groups.flatMap((group) => group.ranks.map((rank) => [rank, group])));
    const { rankOf } = this.#assignment;
    for (let request = 0; request < rankOf.length; request++) {
      groupOf.get(rankOf[request])?.requests.push(request);
    }
    for (let round = 0, found = true; found && round < ROUNDS; round++) {
      found = false;
      for (let i = 0; i < groups.length; i++) {
        for (let j = i + 1; j < groups.length; j++) {
          const [a, b] = [groups[i], groups[j]];
          if (!this.#exchange(a, b, hops, hops.length / kinds)) continue;
          found = true;
          const both = [...a.requests, ...b.requests];
          a.requests = both.filter((request) => columnOf(rankOf[request]) === a.index);
          b.requests = both.filter((request) => columnOf(rankOf[request]) === b.index);
        }
      }
    }
  }

  /** Those of `a` that gain most by leaving first, each against the one of `b` that gains most and fits. */
  #exchange(a: Group, b: Group, hops: Float64Array, columns: number): boolean {
    const leastHere = this.#weigh(a, b, hops, columns);
    const leastThere = this.#weigh(b, a, hops, columns);
    if (leastHere + leastThere > -LEAST_GAIN) return false;
    const change = this.#change;
    const gaining = (list: readonly number[], withBest: number) =>
      list
        .filter((request) => change[request] + withBest <= -LEAST_GAIN)
        .sort((x, y) => change[x] - change[y]);
    const leaving = gaining(a.requests, leastThere);
    const coming = gaining(b.requests, leastHere);
    const { rankOf } = this.#assignment;
    let found = false;
    for (const mine of [...leaving, NOBODY]) {
      const from = mine === NOBODY ? this.#openRank(a) : rankOf[mine];
      const at = from < 0 ? NONE : this.#partner(mine, from, coming, b);
      if (at === NONE) continue;
      const other = at === NOBODY ? NOBODY : coming[at];
      const to = other === NOBODY ? this.#openRank(b) : rankOf[other];
      if (other !== NOBODY) coming.splice(at, 1);
      this.#send(mine, from, to);
      this.#send(other, to, from);
      found = true;
    }
    return found;
  }

  /** Works out what each would cost in the other group. @returns the least, at most 0 */
  #weigh(from: Group, to: Group, hops: Float64Array, columns: number): number {
    const { kind } = this.#requests;
    const change = this.#change;
    let least = 0;
    for (const request of from.requests) {
      const row = kind[request] * columns;
      change[request] = hops[row + to.index] - hops[row + from.index];
      if (change[request] < least) least = change[request];
    }
    return least;
  }

  /** The place in `coming`, which is in order of change, of the first that may come for `mine`; NOBODY; or NONE. */
  #partner(mine: number, from: number, coming: readonly number[], group: Group): number {
    const change = this.#change;
    const { rankOf } = this.#assignment;
    const least = mine === NOBODY ? 0 : change[mine];
    const cost = least * this.#workOf(mine);
    const end = Math.min(coming.length, PARTNERS);
    for (let at = 0; at < end && least + change[coming[at]] <= -LEAST_GAIN; at++) {
      const other = coming[at];
      if (cost + change[other] * this.#workOf(other) > -LEAST_GAIN) continue;
      if (this.#fits(mine, from, other, rankOf[other])) return at;
    }
    if (cost > -LEAST_GAIN) return NONE;
    const open = this.#openRank(group);
    return open >= 0 && this.#fits(mine, from, NOBODY, open) ? NOBODY : NONE;
  }

  /** The rank of a group with the least work that can take one more; −1 = none. */
  #openRank(group: Group): number {
    const { work, places } = this.#assignment;
    let best = -1;
    for (const rank of group.ranks) {
      if (places[rank] > 0 && (best < 0 || work[rank] < work[best])) best = rank;
    }
    return best;
  }

  #fits(mine: number, from: number, other: number, to: number): boolean {
    const { work, kvTokens } = this.#assignment;
    const bounds = this.#work;
    const moved = this.#workOf(mine) - this.#workOf(other);
    if (!within(work[from] - moved, bounds.least, bounds.most)) return false;
    if (!within(work[to] + moved, bounds.least, bounds.most)) return false;
    const { least, most } = this.#kv;
    const capacity = this.#kvCapacity;
    const kvMoved = this.#kvOf(mine) - this.#kvOf(other);
    return (
      within(kvTokens[from] - kvMoved, least, Math.min(most, capacity[from])) &&
      within(kvTokens[to] + kvMoved, least, Math.min(most, capacity[to]))
    );
  }

  #send(request: number, from: number, to: number): void {
    if (request === NOBODY) return;
    const { rankOf, work, kvTokens, places } = this.#assignment;
    rankOf[request] = to;
    work[from] -= this.#workOf(request);
    work[to] += this.#workOf(request);
    kvTokens[from] -= this.#kvOf(request);
    kvTokens[to] += this.#kvOf(request);
    places[from]++;
    places[to]--;
  }

  #workOf(request: number): number {
    return request === NOBODY ? 0 : this.#requests.work[request];
  }

  #kvOf(request: number): number {
    return request === NOBODY ? 0 : this.#requests.kvTokens[request];
  }
}

function within(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}
