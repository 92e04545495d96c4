import { Command } from "commander";
import { compose } from "../compose.ts";
import type { Config, SimulatedPoolConfig } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { loadModel } from "../config/shapes.ts";
import { loadTopology } from "../config/topologies.ts";
import type { Comparison } from "../model/comparison.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { TraceRequest } from "../model/traffic.ts";
import type { OpenPool } from "../pools/open-pool.ts";
import type { ReplaySummary } from "../replay/measures.ts";
import { Replay } from "../replay/replay.ts";
import { comparisonTable } from "./comparison-table.ts";
import { LiveSummary } from "./live-summary.ts";
import { loadLineTable } from "./load-line-table.ts";
import { NearLoadLine } from "./near-load-line.ts";
import { TOPOLOGY_FORMS, jsonOption, portOption, positiveOption } from "./options.ts";
import { type Output, output } from "./output.ts";
import { checkServes, poolText } from "./pool-text.ts";
import { replayTable } from "./replay-table.ts";
import { PoolFollower, type PoolRun } from "./pool-follower.ts";
import { openRouting, openTraffic } from "./simulation-inputs.ts";
import { stoppable } from "./stoppable.ts";

/** Placements come round every ten seconds, so that a person sees a few; in production it is minutes. */
const CADENCE = { sharesMs: 1000, placementMs: 10_000 };
/** A sample of the run that the comparison takes some ten seconds for: thirty full steps. */
const RECORD_TOKENS = 2_000_000;
const MAX_IN_FLIGHT = 1024;
const VIEW_EVERY_MS = 1000;
const PROGRESS_STEP = 0.1;

/** DeepSeek's prefill unit; as many slots as suit the model. */
const DEFAULT_GPUS = "4x8";
const FAILURE = 1;

interface DemoFlags {
  readonly model?: string;
  readonly topology?: string;
  readonly trace?: string;
  readonly routing?: string;
  readonly duration?: number;
  readonly port?: number;
  readonly json?: true;
}

/** `demo`: everything in one process, on loopback, with nothing else needed. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("Balance a simulated pool under traffic, with a dashboard.")
    .option("--model <name>", "a model (`models` lists them), or a file (default: deepseek-v3)")
    .option("--topology <name>", `${TOPOLOGY_FORMS} (default: ${DEFAULT_GPUS})`)
    .option(
      "--trace <file>",
      "Azure (CSV) or Mooncake (JSONL) trace (default: long prompts, near the most the pool can take)",
    )
    .option(
      "--routing <file>",
      "routing trace (.npy) the tokens take their experts from (default: drawn, skewed and drifting)",
    )
    .addOption(
      positiveOption("--duration <seconds>", "stop after this (default: at the trace's end, or Ctrl-C)"),
    )
    .addOption(portOption("--port <n>", "where to listen; 0 takes a free port (default: 8080)"))
    .addOption(jsonOption())
    .exitOverride()
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const out = output(flags.json ?? false);
  const defaults = await loadConfig(null, process.env);
  for (const note of defaults.notes) out.progress(note);
  const pool = await demoPool(defaults, flags);
  const config = {
    ...defaults,
    pools: [pool],
    http: { ...defaults.http, port: flags.port ?? defaults.http.port },
    control: { ...defaults.control, ...CADENCE },
  };
  const { experts, seed } = pool;
  const routing = await openRouting(flags.routing ?? null, experts.model, out);
  const recorded = flags.trace === undefined ? null : (await openTraffic(flags.trace, null, seed))();
  out.progress(poolText(experts.model, experts.topology));
  const nearLine = new NearLoadLine(experts, routing, CADENCE, seed);
  const trace = recorded ?? nearLine.traffic(out);
  const { traffic, poolRun, comparison } = await live(config, pool, routing, trace, flags, out);
  const lines = recorded === null ? nearLine.measure(out) : null;
  out.result(
    {
      model: experts.model.name,
      topology: experts.topology,
      trace: flags.trace ?? null,
      routing: flags.routing ?? null,
      traffic,
      pool: poolRun,
      loadLines: lines,
      comparison,
    },
    [
      replayTable(traffic),
      ...(lines === null ? [] : [loadLineTable(lines)]),
      comparisonTable(comparison),
    ].join("\n\n"),
  );
  if (traffic.completed === 0 && traffic.failed > 0) process.exitCode = FAILURE;
}

/** The gateway, its pool and the traffic, until the time is up or the person stops it. */
async function live(
  config: Config,
  { models: [model], seed }: SimulatedPoolConfig,
  routing: RoutingTrace | null,
  trace: Iterable<TraceRequest>,
  flags: DemoFlags,
  out: Output,
): Promise<{ traffic: ReplaySummary; poolRun: PoolRun; comparison: Comparison }> {
  const onFault = (fault: Error) => out.progress(fault.message);
  const app = await compose(config, {
    routing,
    recordTokens: RECORD_TOKENS,
    onFault,
    onNotice: out.progress,
  });
  const { url } = await app.start();
  try {
    const [opened] = app.pools();
    out.progress(`dashboard ${url}/`);
    // Traffic begins when the pool does.
    await opened.simulated?.engine.models();
    const replay = new Replay({
      server: new URL(url),
      model,
      trace,
      speed: 1,
      durationMs: (flags.duration ?? Number.POSITIVE_INFINITY) * 1000,
      maxInFlight: MAX_IN_FLIGHT,
      seed,
    });
    const watched = await stoppable((stop) => watch(replay, opened, `${url}/`, flags.duration, stop));
    return { ...watched, comparison: await compare(opened, out) };
  } finally {
    await app.stop();
  }
}

/** The pool of config/default.yaml, of the model and the GPUs that the flags name. */
async function demoPool({ pools: [pool] }: Config, flags: DemoFlags): Promise<SimulatedPoolConfig> {
  if (pool.kind !== "simulated") throw new Error("config/default.yaml names no simulated pool first");
  const at = (flag: string) => ({ sourceOf: () => flag, field: [] });
  const model = flags.model === undefined ? pool.experts.model : await loadModel(flags.model, at("--model"));
  const topology = await loadTopology(flags.topology ?? DEFAULT_GPUS, model.experts, at("--topology"));
  checkServes("--topology", "", model, topology);
  return { ...pool, models: [model.name], experts: { ...pool.experts, model, topology } };
}

/** Lets the traffic run under the live view until the time is up or the person stops it. */
async function watch(
  replay: Replay,
  pool: OpenPool,
  dashboardUrl: string,
  seconds: number | undefined,
  stop: AbortSignal,
): Promise<{ traffic: ReplaySummary; poolRun: PoolRun }> {
  const timeUp = seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1000)];
  const view = new LiveSummary(process.stderr);
  const follower = new PoolFollower(pool);
  const timer = setInterval(
    () => view.update({ traffic: replay.live(), pool: { ...follower.current(), dashboardUrl } }),
    VIEW_EVERY_MS,
  );
  try {
    const traffic = await replay.run(AbortSignal.any([stop, ...timeUp]));
    return { traffic, poolRun: follower.current() };
  } finally {
    clearInterval(timer);
    view.close();
    follower.close();
  }
}

async function compare(pool: OpenPool, out: Output): Promise<Comparison> {
  if (pool.simulated === null) throw new Error("only a simulated pool records its tokens");
  out.progress("comparing the ways of balancing on the tokens of this run");
  let next = PROGRESS_STEP;
  return await pool.simulated.compare(CADENCE, (part) => {
    if (part < next) return;
    out.progress(`compared ${Math.round(part * 100)} %`);
    next = part + PROGRESS_STEP;
  });
}
