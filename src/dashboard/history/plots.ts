import type { Hops } from "../figures/averages.ts";
import { short, whole } from "../format.ts";
import type { HistoryFigures } from "./history-row.ts";

/** One picture among those that share a time axis. */
export interface Plot {
  readonly title: string;
  readonly lines: readonly {
    readonly figure: keyof HistoryFigures;
    readonly name: string;
    readonly soft: boolean;
  }[];
  /** Null where it follows what is shown. */
  readonly most: number | null;
  readonly text: (value: number) => string;
}

/** What is shown of a pool over time, the first on top. */
export function plotsOf(hops: Hops): readonly Plot[] {
  const latency = (figure: "ttft" | "itl", name: string): Plot => ({
    title: `${name}, ms: median and 95th percentile`,
    lines: [
      { figure: `${figure}P50`, name: `${name} p50`, soft: true },
      { figure: `${figure}P95`, name: `${name} p95`, soft: false },
    ],
    most: null,
    text: short,
  });
  return [
    one("Tokens per second", "tokensPerSecond", null, whole),
    one("Balancedness", "balancedness", 1, (value) => value.toFixed(3)),
    one(hops.name, hops.figure, hops.most, (value) => value.toFixed(2)),
    latency("ttft", "Time to first token"),
    latency("itl", "Inter-token latency"),
  ];
}

function one(title: string, figure: keyof HistoryFigures, most: number | null, text: Plot["text"]): Plot {
  return { title, lines: [{ figure, name: title, soft: false }], most, text };
}
