import { LoadForecaster } from "../../../src/core/load/load-forecaster.ts";
import { LoadTracker } from "../../../src/core/load/load-tracker.ts";
import { sumWindows } from "../../../src/core/load/sum-windows.ts";
import { balancedness, gpuLoads } from "../../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { plimsoll, pool, poolName } from "../pools.ts";
import { cut, interleaved, loadOf, range, type RoutedTokens } from "../routed-tokens.ts";

/** Every window is observed in so many parts. */
const PARTS = 10;
const WINDOW_MS = 10_000;
/** Half-lives of the averages to choose the best of, in windows. */
const HALF_LIVES = [1 / 4, 1 / 2, 1, 2, 4, 8, 16];

interface Sizes {
  readonly pools: readonly Topology[];
  /** Tokens of a window. */
  readonly windows: readonly number[];
  /** Requests that take turns; 1 = one after another. */
  readonly active: readonly number[];
}

const SIZES: Sizes = {
  pools: [pool(288, 32), pool(320, 64)],
  windows: [4096, 16_384, 65_536],
  active: [1, 128],
};

/** How well the next window is foreseen, and what a placement made for the forecast is worth in it. */
export function forecastTable(
  { input, progress }: Bench,
  { pools, windows, active }: Sizes = SIZES,
): BenchTable {
  const rows = active.flatMap((requests) =>
    windows.flatMap((window) => {
      progress(`forecast: ${requests} active, windows of ${window}`);
      return score(windowsOf(input.stream, requests, window), pools).map(
        ({ name, error, balance, covered }) => [requests, window, name, error, ...balance, covered],
      );
    }),
  );
  return {
    title: "Forecast of the next window",
    columns: [
      { name: "active requests" },
      { name: "window" },
      { name: "forecast" },
      { name: "error", digits: 3 },
      ...pools.map((topology) => ({ name: poolName(topology), digits: 3 })),
      { name: "within two deviations", digits: 3 },
    ],
    rows,
    notes: [
      `On ${input.source.stream}. Error: mean over layers of Σ |forecast − load| over experts, in parts of the layer's load.`,
      "Pools: balancedness of the next window on Plimsoll's placement for the forecast, shares solved for that window.",
      `Best average: of half-lives ${HALF_LIVES.join(", ")} windows the one of least error in hindsight.`,
    ],
    aims: [],
  };
}

/** `[windows][PARTS]` */
function windowsOf(stream: RoutedTokens, active: number, window: number): ExpertLoad[][] {
  const order = active === 1 ? range(0, stream.trace.tokens) : interleaved(stream, 0, active);
  return cut(order, window).map((rows) =>
    Array.from({ length: PARTS }, (_, part) => {
      const at = (i: number) => Math.floor((i * window) / PARTS);
      return loadOf(stream, rows.subarray(at(part), at(part + 1)));
    }),
  );
}

interface Score {
  readonly name: string;
  readonly error: number;
  /** By pool. */
  readonly balance: readonly number[];
  readonly covered: number | null;
}

function score(windows: readonly (readonly ExpertLoad[])[], pools: readonly Topology[]): Score[] {
  const { layers, experts } = windows[0][0];
  const last = new Scored("last window");
  const ours = new Scored("Plimsoll");
  const averages = HALF_LIVES.map((halfLife) => ({
    tracker: new LoadTracker(layers, experts, halfLife * WINDOW_MS),
    scored: new Scored(`average, half-life ${halfLife}`),
  }));
  const forecaster = new LoadForecaster(layers, experts, WINDOW_MS);
  let [within, all] = [0, 0];
  const warm = Math.max(1, Math.min(8, Math.floor(windows.length / 4)));
  for (let i = 0; i + 1 < windows.length; i++) {
    for (const part of windows[i]) {
      for (const { tracker } of averages) tracker.observe(part, WINDOW_MS / PARTS);
      forecaster.observe(part, WINDOW_MS / PARTS);
    }
    if (i + 1 < warm) continue;
    const next = sumWindows(windows[i + 1]);
    const { mean, deviation } = forecaster.forecast();
    last.add(sumWindows(windows[i]), next);
    ours.add(mean, next);
    for (const { tracker, scored } of averages) scored.add(tracker.forecast(), next);
    for (let e = 0; e < deviation.length; e++) {
      const rate = next.tokens[e] / (WINDOW_MS / 1000);
      if (Math.abs(rate - mean.tokens[e]) < 2 * deviation[e]) within++;
    }
    all += deviation.length;
  }
  const fixed = averages.map(({ scored }) => scored);
  const best = fixed.reduce((a, b) => (b.error < a.error ? b : a)).score(pools);
  return [
    last.score(pools),
    fixed[HALF_LIVES.indexOf(1)].score(pools),
    { ...best, name: `best ${best.name}` },
    ours.score(pools, within / all),
  ];
}

/** What one way of forecasting foresaw, window by window, and what came. */
class Scored {
  readonly #name: string;
  readonly #windows: { readonly forecast: ExpertLoad; readonly next: ExpertLoad }[] = [];
  #error = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(forecast: ExpertLoad, next: ExpertLoad): void {
    this.#windows.push({ forecast, next });
    this.#error += relativeError(forecast, next);
  }

  get error(): number {
    return this.#error / this.#windows.length;
  }

  score(pools: readonly Topology[], covered: number | null = null): Score {
    const balance = pools.map((topology) => {
      const sum = this.#windows.reduce((total, { forecast, next }) => {
        const placement = plimsoll(forecast, topology);
        const { values } = solveShares(placement, indexReplicas(placement), next);
        return total + balancedness(gpuLoads(placement, values, next), gpuCount(topology));
      }, 0);
      return sum / this.#windows.length;
    });
    return { name: this.#name, error: this.error, balance, covered };
  }
}

/** Mean over layers of Σ |a − b| over experts, each in parts of its layer's sum: 0..2. */
function relativeError(a: ExpertLoad, b: ExpertLoad): number {
  let error = 0;
  for (let layer = 0; layer < a.layers; layer++) {
    const [x, y] = [a, b].map(({ tokens, experts }) => {
      const row = tokens.subarray(layer * experts, (layer + 1) * experts);
      const sum = row.reduce((total, value) => total + value, 0);
      return row.map((value) => value / sum);
    });
    error += x.reduce((sum, value, i) => sum + Math.abs(value - y[i]), 0);
  }
  return error / a.layers;
}
