import type { SimulatedPoolParts } from "../engines/simulated/simulated-pool.ts";
import type { OpenPool } from "../pools/open-pool.ts";
import type { Replay, ReplayOutcome } from "../replay/replay.ts";
import { ChangeLog, type LoggedChange } from "./change-log.ts";
import { inForeground } from "./foreground.ts";
import { LiveSummary } from "./live-summary.ts";
import { PoolFollower, type PoolRun } from "./pool-follower.ts";
import { keysText, pressKey } from "./simulation-keys.ts";
import { changeText } from "./simulation-text.ts";
import { TerminalKeys } from "./terminal-keys.ts";

const VIEW_EVERY_MS = 1000;
/** The processes that the terminal's own Ctrl-C would go to. */
const OWN_GROUP = 0;

export interface DemoRunOptions {
  readonly replay: Replay;
  readonly pool: OpenPool;
  readonly simulated: SimulatedPoolParts;
  readonly dashboardUrl: string;
  /** Null for until the trace ends. */
  readonly seconds: number | null;
  readonly stop: AbortSignal;
  /** Receives what says lines while the view is there. */
  readonly onView: (say: (line: string) => void) => void;
}

export interface DemoRun {
  readonly traffic: ReplayOutcome;
  readonly poolRun: PoolRun;
  /** What was done to the pool meanwhile. */
  readonly changes: readonly LoggedChange[];
}

/** Lets the traffic run under the live view, and under the keys where there is a terminal, until the time is up or the person stops it. */
export async function demoRun(options: DemoRunOptions): Promise<DemoRun> {
  const { replay, pool, simulated, dashboardUrl, seconds, stop, onView } = options;
  const { simulation } = simulated;
  const timeUp = seconds === null ? [] : [AbortSignal.timeout(seconds * 1000)];
  const view = new LiveSummary(process.stderr);
  onView((line) => view.say(line));
  const follower = new PoolFollower(pool);
  const ended = new AbortController();
  // Where nobody sees which keys there are, none are read.
  const keys = !process.stderr.isTTY
    ? null
    : TerminalKeys.open({
        keyboard: process.stdin,
        inForeground,
        signal: (name) => process.kill(OWN_GROUP, name),
        onKey: (key) =>
          pressKey(key, {
            simulation,
            fullest: () => fullest(pool),
            end: () => ended.abort(),
            refuse: (why) => view.say(why),
          }),
      });
  const log = new ChangeLog(simulation, () => {
    const { elapsedMs, ttftMs } = replay.live();
    return { elapsedMs, ttftMs: ttftMs?.p50 ?? null, balancedness: follower.current().balancedness.now };
  });
  const show = () => {
    log.look();
    const facts = { ...follower.current(), dashboardUrl };
    view.update({
      traffic: replay.live(),
      pool: facts,
      keys: keys === null ? null : keysText(simulation.state.traffic),
    });
  };
  const stopSaying = simulation.onChange((change) => view.say(`now: ${changeText(change)}`));
  const timer = setInterval(show, VIEW_EVERY_MS);
  try {
    const traffic = await replay.run(AbortSignal.any([stop, ended.signal, ...timeUp]));
    return { traffic, poolRun: follower.current(), changes: log.entries };
  } finally {
    clearInterval(timer);
    keys?.close();
    stopSaying();
    log.close();
    view.close();
    follower.close();
  }
}

/** The GPU with the most load in the last report. */
function fullest({ controlled }: OpenPool): number {
  const load = controlled?.loop.view.report?.gpuLoad ?? [];
  return load.reduce((best, one, gpu) => (one > load[best] ? gpu : best), 0);
}
