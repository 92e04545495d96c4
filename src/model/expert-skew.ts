/**
 * How unevenly drawn traffic asks experts: what the logarithm of an expert's popularity is scaled by. 0 asks all alike, 1 as
 * DeepSeek-V3's published loads, 2 spreads that logarithm twice as far.
 */
export const USUAL_SKEW = 1;
/** Beyond that a few experts have all tokens. */
export const MOST_SKEW = 4;
