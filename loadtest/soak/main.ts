import { Command } from "commander";
import { exitByOutcome } from "../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../src/cli/options.ts";
import { output } from "../../src/cli/output.ts";
import { Rng } from "../../src/lib/rng.ts";
import { Cluster } from "../../harness/cluster/cluster.ts";
import { type FaultResult, faultTable, runFault } from "../../harness/cluster/fault-run.ts";
import { FAULTS, wellAgain } from "../../harness/cluster/faults.ts";
import { HeapLog } from "./heap-log.ts";

interface SoakOptions {
  readonly minutes: number;
  readonly gateways: number;
  readonly seed: number;
  readonly other?: string;
  readonly json?: true;
}

const FAILURE = 1;

/** Faults at random, one after the other, for as long as is asked. */
async function soak({ minutes, gateways, seed, other, json }: SoakOptions): Promise<void> {
  const { progress, result } = output(json ?? false);
  const rng = new Rng(seed, 1);
  const until = performance.now() + minutes * 60_000;
  const cluster = await Cluster.start(gateways, seed, { other: other ?? null });
  const results: FaultResult[] = [];
  const heap = new HeapLog(cluster);
  try {
    await wellAgain(cluster);
    await heap.sample();
    const faults = FAULTS.filter(({ ofThisVersion }) => other === undefined || ofThisVersion !== true);
    while (performance.now() < until) {
      const outcome = await runFault(cluster, faults[rng.below(faults.length)], rng);
      results.push(outcome);
      const left = Math.max(0, (until - performance.now()) / 60_000);
      progress(
        `${outcome.fault}: well again after ${outcome.seconds.toFixed(1)} s; ${left.toFixed(1)} min left`,
      );
      for (const violation of outcome.violations) progress(`VIOLATION: ${violation}`);
      await heap.sample();
    }
  } finally {
    await cluster.stop();
  }
  const violations = results.reduce((sum, one) => sum + one.violations.length, 0);
  const lost = results.reduce((sum, one) => sum + one.lostElsewhere, 0);
  const { lowest, highest } = epochsOf(results);
  const summary = `${results.length} faults, ${cluster.traffic.done} requests served, ${lost} lost without need, epochs ${lowest}–${highest}, ${violations} violations, seed ${seed}`;
  const text = [faultTable(results), ...heap.lines(), summary].join("\n");
  const others = [...cluster.others];
  result({ seed, others, faults: results, served: cluster.traffic.done, heap: heap.samples }, text);
  if (violations + lost > 0) process.exitCode = FAILURE;
}

function epochsOf(results: readonly FaultResult[]): { readonly lowest: number; readonly highest: number } {
  const served = results.flatMap((one) => one.served).filter(({ highest }) => highest > 0);
  return {
    lowest: Math.min(...served.map(({ lowest }) => lowest)),
    highest: Math.max(...served.map(({ highest }) => highest)),
  };
}

const command = new Command("soak")
  .description("Put a cluster of gateways on Redis through faults at random, under traffic.")
  .addOption(positiveOption("--minutes <n>", "how long").default(10))
  .addOption(countOption("--gateways <n>", "gateways").default(3))
  .option("--other <dir>", "the checkout of another version, which every second gateway runs")
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(1))
  .addOption(jsonOption())
  .exitOverride()
  .action(soak);

await exitByOutcome(() => command.parseAsync());
