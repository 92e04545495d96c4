import { Command } from "commander";
import { exitByOutcome } from "../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../src/cli/options.ts";
import { output } from "../../src/cli/output.ts";
import { Rng } from "../../src/lib/rng.ts";
import { Cluster } from "../../harness/cluster/cluster.ts";
import { type FaultResult, faultTable, runFault } from "../../harness/cluster/fault-run.ts";
import { ENGINE_FAULTS } from "../../harness/cluster/engine-faults.ts";
import { FAULTS } from "../../harness/cluster/faults.ts";
import { wellAgain } from "../../harness/cluster/well-again.ts";
import { HeapLog } from "./heap-log.ts";

interface SoakOptions {
  readonly minutes: number;
  readonly gateways: number;
  readonly seed: number;
  readonly other?: string;
  readonly chaos?: true;
  readonly json?: true;
}

const FAILURE = 1;
const REDIS_FAULTS = FAULTS.filter(({ name }) => name.startsWith("Redis"));
/** Of a gateway that was watched for at least so long. */
const MOST_GROWTH_MIB = 16;
const WATCHED_MINUTES = 5;

/** Faults at random, one after the other, for as long as is asked. */
async function soak({ minutes, gateways, seed, other, chaos, json }: SoakOptions): Promise<void> {
  const { progress, result } = output(json ?? false);
  const rng = new Rng(seed, 1);
  const until = performance.now() + minutes * 60_000;
  const cluster = await Cluster.start(gateways, seed, { other: other ?? null });
  const results: FaultResult[] = [];
  const heap = new HeapLog(cluster);
  try {
    await wellAgain(cluster);
    await heap.sample();
    const all = [...(chaos === true ? REDIS_FAULTS : FAULTS), ...ENGINE_FAULTS];
    const faults = all.filter(({ ofThisVersion }) => other === undefined || ofThisVersion !== true);
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
  const unclear = results.reduce((sum, one) => sum + one.unclear, 0);
  const answered = `${cluster.traffic.done} requests served, ${cluster.traffic.lostInAll} not, of these ${unclear} without an error`;
  const summary = `${results.length} faults, ${answered}, ${lost} lost without need, epochs ${lowest}–${highest}, ${violations} violations, seed ${seed}`;
  const text = [faultTable(results), ...heap.lines(), summary].join("\n");
  const others = [...cluster.others];
  const slopes = heap.slopes();
  const { done: served, lostInAll: notServed } = cluster.traffic;
  const reported = { seed, others, faults: results, served, notServed, unclear, slopes, heap: heap.samples };
  result(reported, text);
  const grows = slopes.some(
    ({ mibPerHour, minutes: watched }) =>
      watched >= WATCHED_MINUTES && (mibPerHour * watched) / 60 > MOST_GROWTH_MIB,
  );
  if (violations + lost > 0 || grows) process.exitCode = FAILURE;
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
  .option("--chaos", "kill engines and Redis alone: gateways go on, and their heaps can be compared")
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(1))
  .addOption(jsonOption())
  .exitOverride()
  .action(soak);

await exitByOutcome(() => command.parseAsync());
