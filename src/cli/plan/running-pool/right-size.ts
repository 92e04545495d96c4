import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type RightSizing, rightSize } from "../../../planner/right-sizing/right-size.ts";
import { type Output, output, writeOutput } from "../../output.ts";
import { paced } from "../../paced.ts";
import { ProgressBar } from "../../progress-bar.ts";
import { stoppable } from "../../stoppable.ts";
import { type TargetFlags, targetOf } from "../../../plans/plan-flags.ts";
import { poolIn } from "../../../plans/running-pool/found-pool.ts";
import { publishedState } from "../../../plans/running-pool/published.ts";
import { runningLayout } from "../../../plans/running-pool/running-layout.ts";
import { GatewayClient } from "./gateway-client.ts";
import { type PoolFlags, WINDOW_SECONDS, gatewayOf, operatorKey } from "./pool-flags.ts";
import { rightSizingPage } from "./right-sizing-page.ts";
import { type Answered, rightSizingReport } from "./right-sizing-report.ts";
import { rightSizingText } from "./right-sizing-text.ts";
import { askRunningPool, namedPool } from "./running-pool.ts";
import { watchPool } from "./watch-pool.ts";

/** The measured load misses its target already. */
const MISSES = 1;
const INTERRUPTED = 130;

export interface RightSizeFlags extends PoolFlags, TargetFlags {
  readonly out?: string;
  readonly seed?: number;
  readonly json?: true;
}

/** `plan --pool`: what a running gateway's pool has room for, and what to change. @throws InputError */
export async function rightSizePool(flags: RightSizeFlags): Promise<void> {
  const out = output(flags.json ?? false);
  const target = targetOf(flags);
  const { window = WINDOW_SECONDS, seed = 1 } = flags;
  const { url, name } = gatewayOf(flags);
  const client = new GatewayClient(url, operatorKey(flags));
  let bar = new ProgressBar(process.stderr, 1);
  try {
    await stoppable(async (signal) => {
      // What is missing is said before anybody waits.
      const at = poolIn(await client.json("/admin/state", publishedState, signal), name);
      const named = await namedPool(at, flags);
      runningLayout(at, flags);
      out.progress(`watching pool ${at.name} at ${url.origin} for ${window} s`);
      bar.begin("watched", 1);
      const watched = await watchPool(client, name, window, (part) => bar.update(part), signal);
      bar.clear();
      const { found, measured } = watched;
      const read = await askRunningPool(client, found, named, flags, seed, signal);
      const steps = rightSize(read.pool, measured, target, seed);
      bar = new ProgressBar(process.stderr, 1);
      bar.begin("asked the twin", 1);
      const result: RightSizing = await paced(steps, (part) => bar.update(part), signal);
      bar.clear();
      await say({ name: found.name, url: url.origin, target, ...read, result }, flags, out);
    });
  } catch (error) {
    bar.clear();
    if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    out.progress("stopped; nothing was written");
    process.exitCode = INTERRUPTED;
  }
}

async function say(answered: Answered, { out: folder }: RightSizeFlags, out: Output): Promise<void> {
  if (answered.result.keepsNow === false) process.exitCode = MISSES;
  const report = rightSizingReport(answered);
  let files = "";
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true }).catch(() => undefined);
    await writeOutput(join(folder, "right-sizing.json"), `${JSON.stringify(report, null, 2)}\n`);
    await writeOutput(join(folder, "right-sizing.html"), rightSizingPage(answered));
    files = `\n\n${folder}: right-sizing.json, right-sizing.html`;
  }
  out.result(report, rightSizingText(answered) + files);
}
