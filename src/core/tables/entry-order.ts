/** What vLLM's kernel multiplies a token's number in its batch by: 2³² / φ. */
const HASH = 2_654_435_769;
/** 2¹⁶ / φ: ranks' first turns lie nearly evenly, however many ranks there are. */
const SPREAD = 40_503;

/**
 * The turns in which an expert's slots take its tokens, so that any run of turns is near the shares. Each turn gives
 * every slot its count, to the slot that then has most (the first of equals), which pays `entries` for it: smooth
 * weighted round-robin, as in nginx. From any turn on, wrapping around, a run of n has a slot within 1 of
 * n × count / entries where there are two slots, and seldom further than 1.5 where there are more; ordering by
 * (2i + 1) / 2 count reaches 3.
 *
 * @param slots  that hold the expert, ascending
 * @param counts `[slots.length]`: how many of the turns each gets
 * @param first  the turn that is written first, below the sum of the counts
 * @param owed   `[≥ slots.length]`, overwritten
 * @param turns  `[sum of the counts]`, written
 */
export function writeTurns(
  slots: ArrayLike<number>,
  counts: ArrayLike<number>,
  first: number,
  owed: Int32Array,
  turns: Int32Array,
): void {
  const entries = turns.length;
  owed.fill(0);
  for (let turn = 0; turn < entries; turn++) {
    let next = 0;
    for (let i = 0; i < slots.length; i++) {
      owed[i] += counts[i];
      if (owed[i] > owed[next]) next = i;
    }
    owed[next] -= entries;
    turns[(turn - first + entries) % entries] = slots[next];
  }
}

/**
 * The turn that a rank begins with, so that ranks do not all begin with the same replica:
 * ⌊(40503 × rank mod 2¹⁶) × entries / 2¹⁶⌋.
 */
export function firstTurn(rank: number, entries: number): number {
  return Math.floor((((SPREAD * rank) % 65_536) * entries) / 65_536);
}

/**
 * The entry that the token takes which is number `turn` of its rank's batch, as in vLLM's kernel:
 * (2654435769 × turn mod 2³²) mod entries. For a power of two, that many tokens in turn take each entry once.
 */
export function entryOfTurn(turn: number, entries: number): number {
  return (Math.imul(turn, HASH) >>> 0) % entries;
}
