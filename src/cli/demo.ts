import { basename } from "node:path";
import { Command } from "commander";
import { compose } from "../compose.ts";
import type { Config, SimulatedPoolConfig } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { chooseGpu } from "../config/gpus/chosen-gpu.ts";
import { loadModel } from "../config/shapes.ts";
import { loadTopology } from "../config/topologies.ts";
import type { SimulatedPoolParts } from "../engines/simulated/simulated-pool.ts";
import type { Comparison } from "../model/comparison.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { Replay } from "../replay/replay.ts";
import { InputError } from "../lib/errors.ts";
import { engineOn, modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { changeTable } from "./change-table.ts";
import { comparisonTable } from "./comparison-table.ts";
import { type DemoRun, demoRun } from "./demo-run.ts";
import { gainText } from "./gain-text.ts";
import { loadLineTable } from "./load-line-table.ts";
import { NearLoadLine } from "./near-load-line.ts";
import { TOPOLOGY_FORMS, jsonOption, portOption, positiveOption } from "./options.ts";
import { type Output, output } from "./output.ts";
import { MadeUpTraffic, type PlayedTraffic, TraceTraffic } from "./played-traffic.ts";
import { checkServes, poolText } from "./pool-text.ts";
import { replayTable } from "./replay/table.ts";
import { openRouting, openTraffic } from "./simulation-inputs.ts";
import { scenarioDemo } from "./scenario-demo.ts";
import { summaryText } from "./simulation-text.ts";
import { stoppable } from "./stoppable.ts";
import { type PlayedSummary, TrafficPlayer } from "./traffic-player.ts";

/** Placements come round every ten seconds, so that a person sees a few; in production it is minutes. */
const CADENCE = { sharesMs: 1000, placementMs: 10_000 };
/** A GPU that has stopped is missed after three rounds. */
const RANK_SILENCE_MS = 3000;
/** Times the traffic that it begins with. */
const MOST_TRAFFIC = 2;
/** A sample of the run that the comparison takes some ten seconds for: thirty full steps. */
const RECORD_TOKENS = 2_000_000;
const MAX_IN_FLIGHT = 1024;
const PROGRESS_STEP = 0.1;

/** DeepSeek's prefill unit; as many slots as suit the model. */
const DEFAULT_GPUS = "4x8";
const FAILURE = 1;

interface DemoFlags {
  readonly model?: string;
  readonly topology?: string;
  readonly gpu?: string;
  readonly trace?: string;
  readonly routing?: string;
  readonly duration?: number;
  readonly scenario?: string;
  readonly short?: true;
  readonly port?: number;
  readonly json?: true;
}

/** `demo`: everything in one process, on loopback, with nothing else needed. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("Balance a simulated pool under traffic, with a dashboard.")
    .option("--model <name>", "a model (`models` lists them), or a file (default: deepseek-v3)")
    .option("--topology <name>", `${TOPOLOGY_FORMS} (default: ${DEFAULT_GPUS})`)
    .option("--gpu <type>", "a file of config/gpus: h200, b200, … (default: h800)")
    .option(
      "--trace <file>",
      "a trace of traffic, as docs/traces.md has them (default: long prompts, near the most the pool can take)",
    )
    .option(
      "--routing <file>",
      "routing trace (.npy) the tokens take their experts from (default: drawn, skewed and drifting)",
    )
    .addOption(
      positiveOption("--duration <seconds>", "stop after this (default: at the trace's end, or Ctrl-C)"),
    )
    .option(
      "--scenario <file>",
      "of a load test: its gateway and pool, without traffic; play it with `replay --scenario <file> --url …`",
    )
    .option("--short", "of a scenario, its short form")
    .addOption(portOption("--port <n>", "where to listen; 0 takes a free port (default: 8080)"))
    .addOption(jsonOption())
    .exitOverride()
    .action(demo);
}

async function demo(flags: DemoFlags, command: Command): Promise<void> {
  const { scenario } = flags;
  if (scenario !== undefined) return scenarioDemo({ ...flags, scenario }, command);
  if (flags.short) throw new InputError("--short", "", "is of a scenario; give --scenario too");
  const out = output(flags.json ?? false);
  const defaults = await loadConfig(null, process.env);
  for (const note of defaults.notes) out.progress(note);
  const pool = await demoPool(defaults, flags);
  const hardware = modelledHardware(pool.experts.model, pool.gpu);
  // Lines of the log, one for each request that fails, would tear the view that is redrawn in place.
  const logLevel = process.stderr.isTTY ? "error" : defaults.http.logLevel;
  const config: Config = {
    ...defaults,
    pools: [pool],
    http: { ...defaults.http, port: flags.port ?? defaults.http.port, logLevel },
    control: { ...defaults.control, ...CADENCE, rankSilenceMs: RANK_SILENCE_MS },
  };
  const { experts, seed } = pool;
  const routing = await openRouting(flags.routing ?? null, experts.model, out);
  const recorded = flags.trace === undefined ? null : [...(await openTraffic(flags.trace, null, seed))()];
  out.progress(poolText(experts.model, experts.topology, hardware));
  const nearLine =
    recorded === null
      ? new NearLoadLine({ ...experts, hardware, engine: engineOn(pool.gpu) }, routing, CADENCE, seed)
      : null;
  const begin = nearLine?.traffic(out) ?? (() => []);
  const played =
    recorded === null
      ? new MadeUpTraffic("made-up long prompts", begin)
      : new TraceTraffic(basename(flags.trace ?? ""), recorded);
  const mostTraffic = Math.min(MOST_TRAFFIC, nearLine?.most ?? MOST_TRAFFIC);
  const run = await live(config, pool, routing, { traffic: played, mostTraffic }, flags, out);
  const { traffic, poolRun, changes, comparison } = run;
  const lines = nearLine?.measure(out) ?? null;
  const done = changes.map(({ change }) => change);
  const gain = gainText(lines, comparison, done);
  const steady = changes.every(({ change }) => change.kind !== "traffic");
  const said = summaryText(run.played);
  out.result(
    {
      model: experts.model.name,
      topology: experts.topology,
      trace: flags.trace ?? null,
      routing: flags.routing ?? null,
      played: run.played,
      traffic,
      pool: poolRun,
      changes,
      loadLines: lines,
      comparison,
    },
    [
      ...(gain === null ? [] : [gain]),
      `${said}\n${replayTable(traffic)}`,
      ...(changes.length === 0 ? [] : [changeTable(changes)]),
      ...(lines === null ? [] : [loadLineTable(lines, steady)]),
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
  { traffic, mostTraffic }: { readonly traffic: PlayedTraffic; readonly mostTraffic: number },
  flags: DemoFlags,
  out: Output,
): Promise<DemoRun & { readonly comparison: Comparison; readonly played: PlayedSummary }> {
  let say = out.progress;
  const onNotice = (line: string) => say(line);
  const onFault = ({ message }: Error) => say(message);
  const app = await compose(config, { routing, recordTokens: RECORD_TOKENS, onFault, onNotice });
  const { url } = await app.start();
  try {
    const [opened] = app.pools();
    out.progress(`dashboard ${url}/`);
    const { simulated } = opened;
    if (simulated === null) throw new Error("the demo's pool is not simulated");
    // Traffic begins when the pool does.
    await simulated.engine.models();
    const durationMs = (flags.duration ?? Number.POSITIVE_INFINITY) * 1000;
    const player = new TrafficPlayer(traffic, mostTraffic, durationMs);
    simulated.simulation.beginTraffic(player);
    const replay = new Replay({
      target: { url: new URL(url), headers: [], insecure: false, keepAlive: true },
      style: { endpoint: "chat", model, lengths: "natural", extra: {} },
      load: player,
      maxInFlight: MAX_IN_FLIGHT,
      seed,
    });
    const run = await stoppable((stop) =>
      demoRun({
        replay,
        pool: opened,
        simulated,
        dashboardUrl: `${url}/`,
        seconds: flags.duration ?? null,
        stop,
        onView: (saying) => {
          say = saying;
        },
      }),
    );
    say = out.progress;
    const played = player.summary;
    return { ...run, played, comparison: await compare(simulated, out) };
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
  const gpu = await chooseGpu(flags.gpu, at("--gpu"));
  checkServes("--topology", "", model, topology, modelledHardware(model, gpu));
  return { ...pool, gpu, models: [model.name], experts: { ...pool.experts, model, topology } };
}

async function compare(simulated: SimulatedPoolParts, out: Output): Promise<Comparison> {
  out.progress("comparing the ways of balancing on the tokens of this run");
  let next = PROGRESS_STEP;
  return await simulated.compare(CADENCE, (part) => {
    if (part < next) return;
    out.progress(`compared ${Math.round(part * 100)} %`);
    next = part + PROGRESS_STEP;
  });
}
