import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { type Comparison, compareRuns } from "../../replay/compare/compare-runs.ts";
import { doubts } from "../../replay/compare/doubts.ts";
import { type RunValues, runValues } from "../../replay/compare/run-values.ts";
import type { GoodputTargets } from "../../replay/measures/goodput.ts";
import { goodputOf, numberIn } from "../../replay/report/report-value.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import { countOption, jsonOption } from "../options.ts";
import { output, writeOutput } from "../output.ts";
import { compareCurveFolders } from "./compare-curves.ts";
import { COMPARED_COLUMNS, comparedCells, metricsReport, metricTable } from "./compared-figures.ts";
import { finishedPair } from "./finished-run.ts";
import { comparePage, runPairCharts } from "./page/compare-page.ts";
import { runRequests } from "./run-requests.ts";

interface CompareFlags {
  readonly seed: number;
  readonly out?: string;
  readonly json?: true;
}

/** `replay compare`: two runs or curves side by side, and which differences are more than chance. */
export function compareCommand(): Command {
  return new Command("compare")
    .description(
      "Hold run B against run A, or two load curves: every figure, B/A, and what of it is more than chance.",
    )
    .argument("<A>", "the --out of a run, or of a load curve")
    .argument("<B>", "the --out of another of that kind")
    .addOption(countOption("--seed <n>", "of the draws of the bootstrap").default(1))
    .option("--out <file>", "also write a page with charts (HTML)")
    .addOption(jsonOption())
    .action(compare);
}

async function compare(folderA: string, folderB: string, flags: CompareFlags): Promise<void> {
  const { kind, a, b } = await finishedPair(folderA, folderB);
  const out = output(flags.json ?? false);
  if (kind === "curves") return compareCurveFolders([folderA, a], [folderB, b], flags, out);
  const goodput = goodputOf(a) ?? goodputOf(b);
  const valuesA = await valuesOf(folderA, a, goodput);
  const valuesB = await valuesOf(folderB, b, goodput);
  const comparison = compareRuns(valuesA, valuesB, flags.seed);
  const warnings = doubts(a, b, comparison);
  const facts = {
    a: folderA,
    b: folderB,
    requestsA: valuesA.count,
    requestsB: valuesB.count,
    seed: flags.seed,
    warnings,
  };
  if (flags.out !== undefined) {
    const page = {
      ...facts,
      lead: `${valuesA.count} requests of A and ${valuesB.count} of B.`,
      table: metricTable(comparison.metrics),
      charts: runPairCharts(valuesA, valuesB),
    };
    await writeOutput(flags.out, comparePage(page));
  }
  out.result(comparisonReport(facts, comparison), comparisonText(facts, comparison));
  if (out.json) for (const warning of warnings) out.progress(warning);
}

async function valuesOf(
  folder: string,
  report: ReplayReport,
  goodput: GoodputTargets | null,
): Promise<RunValues> {
  const requests = await Array.fromAsync(runRequests(join(folder, "requests.jsonl")));
  return runValues(requests, numberIn(report, "duration") ?? 0, goodput);
}

interface Facts {
  readonly a: string;
  readonly b: string;
  readonly requestsA: number;
  readonly requestsB: number;
  readonly seed: number;
  readonly warnings: readonly string[];
}

function comparisonReport(facts: Facts, { paired, blocks, draws, metrics }: Comparison): object {
  return {
    format: "plimsoll.replay-comparison/1",
    a: facts.a,
    b: facts.b,
    requests: { a: facts.requestsA, b: facts.requestsB },
    paired,
    block_requests: { a: blocks[0], b: blocks[1] },
    draws,
    seed: facts.seed,
    warnings: facts.warnings,
    metrics: metricsReport(metrics),
  };
}

function comparisonText(facts: Facts, { paired, blocks, draws, metrics }: Comparison): string {
  const table = new Table({
    head: ["", ...COMPARED_COLUMNS],
    colAligns: ["left", "right", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const compared of metrics.filter(({ verdict }) => verdict !== "not measured"))
    table.push([compared.metric.key, ...comparedCells(compared)]);
  const how = paired ? "the same blocks of both runs" : "blocks of each run by itself";
  return [
    `A: ${facts.a}, ${facts.requestsA} requests`,
    `B: ${facts.b}, ${facts.requestsB} requests`,
    ...facts.warnings,
    table.toString(),
    `Bootstrap: ${draws} draws of ${how}, ${[...new Set(blocks)].join(" and ")} requests in a row each (seed ${facts.seed}).`,
  ].join("\n");
}
