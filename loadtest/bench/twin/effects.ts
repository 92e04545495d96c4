import { type ExpertLoad, emptyLoad } from "../../../src/model/load.ts";
import type { RoutingTrace } from "../../../src/model/routing-trace.ts";
import type { Topology } from "../../../src/model/topology.ts";
import { loadTrace } from "../../../src/twin/load-trace.ts";
import { TraceRouting } from "../../../src/twin/trace-routing.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { recordedLoads } from "./recorded-loads.ts";
import { type EffectResult, type EffectRun, decode, prefill } from "./effect-runs.ts";

/** SGLang's DeepSeek-V3 on 96 H100 (LMSYS, May 2025). */
const PREFILL: Topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
const DECODE: Topology = { nodes: 9, gpusPerNode: 8, slotsPerGpu: 4 };
const PROMPT = 4096;
const CONTEXT = 2000;

/** Published effects through simulated pools: steps of ranks, placements and dispatch, on what an engine makes of an H800. */
export async function effectsTable({ input, seed, progress }: Bench): Promise<BenchTable> {
  const { model } = input;
  const loads = await recordedLoads(model, input.loads);
  const traces = new Map<ExpertLoad, RoutingTrace>();
  const base = (topology: Topology, load: ExpertLoad, policy: EffectRun["policy"]): EffectRun => {
    progress(`effects: EP${topology.nodes * topology.gpusPerNode}, ${policy}`);
    const trace = traces.get(load) ?? loadTrace(model, load, seed);
    traces.set(load, trace);
    return { model, topology, load, policy, seed, routing: new TraceRouting(trace) };
  };
  const even = emptyLoad(model.moeLayers.length, model.experts);
  even.tokens.fill(1);

  const prompts = (load: ExpertLoad, policy: EffectRun["policy"], overlaps = true) =>
    prefill({ ...base(PREFILL, load, policy), overlaps }, PROMPT);
  const [plain, eplb, ours] = (["none", "eplb", "plimsoll"] as const).map((policy) =>
    prompts(loads.prefill, policy),
  );
  const perfect = prompts(even, "none");
  const inTurn = prompts(loads.prefill, "eplb", false);

  const answers = (
    policy: EffectRun["policy"],
    requests: number,
    context = CONTEXT,
    more: Partial<EffectRun> = {},
  ) => decode({ ...base(DECODE, loads.decode, policy), ...more }, requests, context);
  const [plainDecode, eplbDecode, oursDecode] = (["none", "eplb", "plimsoll"] as const).map((policy) =>
    answers(policy, 256),
  );
  const serial = answers("eplb", 256, CONTEXT, { overlaps: false });
  const [few, fewSerial] = [true, false].map((overlaps) => answers("eplb", 32, CONTEXT, { overlaps }));
  const speculation = { draftTokens: 1, acceptance: 0.875 };
  const drafted = (requests: number, context: number) => ({
    with: answers("eplb", requests, context, { speculation }),
    without: answers("eplb", requests, context),
  });
  const [light, full] = [drafted(8, 4000), drafted(128, 4000)];

  const rows: (string | number | null)[][] = [
    ["prefill EP32, 4K prompts, EPLB", "tokens/s a node", 50_302, eplb.nodeRate],
    ["the same, experts perfectly balanced", "tokens/s a node", 59_337, perfect.nodeRate],
    ["perfect balance against EPLB, prefill", "x", 1.18, gain(perfect, eplb)],
    ["EPLB against none, prefill", "x", 1.49, gain(eplb, plain)],
    ["Plimsoll against EPLB, prefill", "x", null, gain(ours, eplb)],
    ["balancedness in prefill: none", "", null, plain.balancedness],
    ["balancedness in prefill: EPLB", "", null, eplb.balancedness],
    ["balancedness in prefill: Plimsoll", "", null, ours.balancedness],
    ["two micro-batches, prefill (1.27 to 1.35)", "x", 1.31, gain(eplb, inTurn)],
    ["decode EP72, 2K context, 256 a rank, EPLB", "tokens/s a node", 22_282, eplbDecode.nodeRate],
    ["its time between tokens (about)", "ms", 100, eplbDecode.stepMs],
    ["EPLB against none, decode", "x", 2.54, gain(eplbDecode, plainDecode)],
    ["Plimsoll against EPLB, decode", "x", null, gain(oursDecode, eplbDecode)],
    ["two micro-batches, decode, 256 a rank", "x", 1.255, gain(eplbDecode, serial)],
    ["two micro-batches allowed, decode, 32 a rank (they lose, 0.73)", "x", null, gain(few, fewSerial)],
    ["decode EP72, 4K context, 128 a rank, one token drafted", "tokens/s a node", 17_373, full.with.nodeRate],
    ["one token drafted, 0.875 accepted, 8 a rank", "x", 1.8, gain(light.with, light.without)],
    ["one token drafted, 0.875 accepted, 128 a rank", "x", null, gain(full.with, full.without)],
  ];
  return {
    title: "Published effects, simulated",
    columns: [
      { name: "effect" },
      { name: "unit" },
      { name: "published", digits: 2 },
      { name: "simulated", digits: 2 },
      { name: "error, %", digits: 1 },
    ],
    rows: rows.map((row) => [...row, errorOf(row[2], row[3])]),
    notes: [
      `DeepSeek-V3 on ${loads.source}, EPLB and Plimsoll made for the same loads; 48 steps each, counts drawn (analytic).`,
    ],
    aims: [],
  };
}

function gain(one: EffectResult, other: EffectResult): number {
  return one.nodeRate / other.nodeRate;
}

function errorOf(published: string | number | null, simulated: string | number | null): number | null {
  return typeof published === "number" && typeof simulated === "number"
    ? 100 * (simulated / published - 1)
    : null;
}
