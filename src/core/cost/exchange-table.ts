/**
 * Measured times of one kind of exchange, µs: `[ranks][tokens of a rank]`, both ascending; hidden 7168, top-8, FP8 out
 * and BF16 back, every expert as likely.
 */
export interface ExchangeTimes {
  readonly ranks: readonly number[];
  readonly tokens: readonly number[];
  readonly dispatchUs: readonly (readonly number[])[];
  readonly combineUs: readonly (readonly number[])[];
}

/** Of DeepEP's two kinds of kernels. */
export interface ExchangeTable {
  readonly lowLatency: ExchangeTimes;
  readonly normal: ExchangeTimes;
}

/** Tokens of a rank whose traffic is in the tables, in messages of other sizes and numbers. */
export interface ExchangeLoad {
  readonly dispatch: number;
  readonly combine: number;
}

/**
 * Seconds, interpolated in logarithms of ranks and tokens. Few tokens take what the fewest do; many go on as between the
 * last two. Beyond the ranks its ends hold.
 */
export function tabulated(times: ExchangeTimes, ranks: number, load: ExchangeLoad): ExchangeLoad {
  return {
    dispatch: 1e-6 * interpolated(times, times.dispatchUs, ranks, load.dispatch),
    combine: 1e-6 * interpolated(times, times.combineUs, ranks, load.combine),
  };
}

/** The same over a network of which there is a part: what the fewest tokens take stays. */
export function overPart({ lowLatency, normal }: ExchangeTable, part: number): ExchangeTable {
  const slower = (us: ExchangeTimes["dispatchUs"]) =>
    us.map((line) => line.map((time) => line[0] + (time - line[0]) / part));
  const of = (times: ExchangeTimes): ExchangeTimes => ({
    ...times,
    dispatchUs: slower(times.dispatchUs),
    combineUs: slower(times.combineUs),
  });
  return { lowLatency: of(lowLatency), normal: of(normal) };
}

function interpolated(
  times: ExchangeTimes,
  us: readonly (readonly number[])[],
  ranks: number,
  tokens: number,
): number {
  const [row, across] = between(times.ranks, Math.min(ranks, times.ranks[times.ranks.length - 1]));
  const [column, along] = between(times.tokens, tokens);
  const at = (line: readonly number[]) =>
    Math.log(line[column]) + along * Math.log(line[column + 1] / line[column]);
  return Math.exp(at(us[row]) * (1 - across) + at(us[row + 1]) * across);
}

/** The interval that a value is in, and how far along it is in logarithms; above the last, further than 1. */
function between(values: readonly number[], value: number): [index: number, part: number] {
  const above = values.findIndex((one) => one >= value);
  const index = above < 0 ? values.length - 2 : Math.max(0, above - 1);
  const part = Math.log(value / values[index]) / Math.log(values[index + 1] / values[index]);
  return [index, Math.max(0, part)];
}
