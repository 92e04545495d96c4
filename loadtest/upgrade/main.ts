import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { exitByOutcome } from "../../src/cli/exit-code.ts";
import { countOption, jsonOption } from "../../src/cli/options.ts";
import { output } from "../../src/cli/output.ts";
import { Rng } from "../../src/lib/rng.ts";
import { roll } from "../../harness/cluster/roll.ts";
import { checkoutOf } from "./released-checkout.ts";
import { ALLOWED_UNREADABLE, RolledCluster, type RolledStep } from "./rolled-cluster.ts";

interface UpgradeOptions {
  readonly from: string;
  readonly gateways: number;
  readonly seed: number;
  readonly json?: true;
}

const FAILURE = 1;

/** Gateways of a released version are rolled forward to this one, and back, one after the other, under load. */
async function upgrade({ from, gateways, seed, json }: UpgradeOptions): Promise<void> {
  const { progress, result } = output(json ?? false);
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-upgrade-"));
  const steps: RolledStep[] = [];
  let refusing = 0;
  let served = 0;
  let commit = "";
  try {
    commit = await checkoutOf(from, folder);
    const rolled = await RolledCluster.start(gateways, seed, join(folder, "checkout"), new Rng(seed, 1));
    const forwards = Array.from({ length: gateways }, (_, gateway) => gateway);
    try {
      for (const to of ["next", "released"] as const)
        for (const gateway of forwards) {
          const done = await rolled.step(gateway, to);
          steps.push(done);
          progress(
            `${done.step}: ${done.versions.join(", ")}; ${done.lost} lost; ${done.seconds.toFixed(1)} s`,
          );
          for (const violation of done.violations) progress(`VIOLATION: ${violation}`);
        }
      await roll(rolled.cluster, 0, null);
      refusing = await rolled.refusesLater();
      served = rolled.cluster.traffic.done;
    } finally {
      await rolled.cluster.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const sum = (of: (step: RolledStep) => number) => steps.reduce((all, step) => all + of(step), 0);
  const lost = sum((step) => step.lost);
  const dropped = steps.flatMap((step) => step.unreadable);
  const unreadable = dropped.filter((what) => what !== ALLOWED_UNREADABLE);
  const violations = sum((step) => step.violations.length);
  const summary = `from ${commit.slice(0, 12)}: ${steps.length} steps, ${served} requests served, ${lost} lost, ${unreadable.length} values unreadable, ${dropped.length - unreadable.length} messages of kinds that the earlier version does not know, ${violations} violations; ${refusing} of ${gateways} gateways refuse a later version's; seed ${seed}`;
  result(
    { from: commit, seed, steps, served, lost, unreadable, dropped, refusing },
    `${table(steps)}\n${summary}`,
  );
  if (lost + unreadable.length + violations > 0 || refusing < gateways) process.exitCode = FAILURE;
}

function table(steps: readonly RolledStep[]): string {
  const rows = new Table({
    head: ["step", "versions", "led", "epoch", "lost", "unreadable", "violations", "s"],
    style: { head: [], border: [] },
  });
  for (const { step, versions, led, epoch, lost, unreadable, violations, seconds } of steps)
    rows.push([
      step,
      versions.join(", "),
      led.join(", "),
      epoch,
      lost,
      [...new Set(unreadable)].join(", "),
      violations.length,
      seconds.toFixed(1),
    ]);
  return rows.toString();
}

const command = new Command("test:upgrade")
  .description("Roll gateways of a released version forward to this one, and back, on one Redis, under load.")
  .requiredOption("--from <ref>", "the released version: a commit, tag or branch")
  .addOption(countOption("--gateways <n>", "gateways").default(3))
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(1))
  .addOption(jsonOption())
  .exitOverride()
  .action(upgrade);

await exitByOutcome(() => command.parseAsync());
