import type { DistributionSummary } from "../../../src/replay/measures/distribution.ts";
import type { Cell } from "./cells.ts";
import { median } from "../median.ts";
import { DIRECT } from "./direct.ts";
import type { LoadFigures } from "./load.ts";

/** What a router did in a cell: medians over the repeats; null where there is nothing to say. */
export interface Measured {
  readonly router: string;
  readonly cell: Cell;
  readonly requestsPerSecond: number;
  readonly framesPerSecond: number;
  /** Per second that the router's threads computed. */
  readonly requestsPerCpuSecond: number | null;
  readonly framesPerCpuSecond: number | null;
  readonly ttft: Latency;
  readonly itl: Latency;
  /** Milliseconds until the last of many that came at once had its first byte. */
  readonly lastNewcomerMs: number | null;
  /** Cores that the router kept busy. */
  readonly cores: number;
  readonly residentBytes: number;
  /** Over all repeats. */
  readonly failed: number;
  readonly failure: string | null;
}

/** Milliseconds: of the router, and what it added to direct in the same repeat. */
export interface Latency {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly addedP50: number | null;
  readonly addedP99: number | null;
}

/** Of every router in every cell, one entry a repeat. */
export class Measurements {
  readonly #repeats = new Map<Cell, Map<string, LoadFigures[]>>();

  add(cell: Cell, router: string, figures: LoadFigures): void {
    const routers = this.#repeats.get(cell) ?? new Map<string, LoadFigures[]>();
    this.#repeats.set(cell, routers.set(router, [...(routers.get(router) ?? []), figures]));
  }

  /** What a router's windows measured, by cell. */
  of(router: string): { readonly cell: Cell; readonly windows: readonly LoadFigures[] }[] {
    return [...this.#repeats].flatMap(([cell, routers]) => {
      const windows = routers.get(router);
      return windows === undefined ? [] : [{ cell, windows }];
    });
  }

  /** In the order they were first measured in. */
  medians(): Measured[] {
    return [...this.#repeats].flatMap(([cell, routers]) => {
      const direct = routers.get(DIRECT) ?? null;
      return [...routers].map(([router, repeats]) => measuredOf(cell, router, repeats, direct));
    });
  }
}

function measuredOf(
  cell: Cell,
  router: string,
  repeats: readonly LoadFigures[],
  direct: readonly LoadFigures[] | null,
): Measured {
  const over = (value: (figures: LoadFigures) => number) => median(repeats.map(value)) ?? 0;
  const perCpu = (value: (figures: LoadFigures) => number) =>
    median(repeats.filter((figures) => figures.cpuSeconds > 0).map((f) => value(f) / f.cpuSeconds));
  const failing = repeats.find(({ failed }) => failed > 0);
  return {
    router,
    cell,
    requestsPerSecond: over(({ requests, seconds }) => requests / seconds),
    framesPerSecond: over(({ frames, seconds }) => frames / seconds),
    requestsPerCpuSecond: perCpu(({ requests }) => requests),
    framesPerCpuSecond: perCpu(({ frames }) => frames),
    ttft: latency(
      repeats.map(({ ttft }) => ttft),
      direct?.map(({ ttft }) => ttft),
    ),
    itl: latency(
      repeats.map(({ itl }) => itl),
      direct?.map(({ itl }) => itl),
    ),
    lastNewcomerMs: median(repeats.map(({ lastNewcomerMs }) => lastNewcomerMs)),
    cores: over(({ cpuSeconds, seconds }) => cpuSeconds / seconds),
    residentBytes: over(({ residentBytes }) => residentBytes),
    failed: repeats.reduce((sum, { failed }) => sum + failed, 0),
    failure: failing?.failure ?? null,
  };
}

type Summary = DistributionSummary | null;

function latency(repeats: readonly Summary[], direct: readonly Summary[] | undefined): Latency {
  const at = (percentile: "p50" | "p99") => repeats.map((summary) => summary?.[percentile] ?? null);
  const added = (percentile: "p50" | "p99") =>
    repeats.map((summary, repeat) => {
      const base = direct?.[repeat] ?? null;
      return summary === null || base === null ? null : summary[percentile] - base[percentile];
    });
  return {
    p50: median(at("p50")),
    p99: median(at("p99")),
    addedP50: median(added("p50")),
    addedP99: median(added("p99")),
  };
}
