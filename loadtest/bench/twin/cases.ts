import { BALANCE_POLICIES, type BalancePolicy } from "../../../src/core/planning/balance-policy.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { Cadence } from "../../../src/model/cadence.ts";
import type { Fidelity } from "../../../src/model/fidelity.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import type { RankFault } from "../../../src/model/rank-fault.ts";
import { type Topology, gpuCount } from "../../../src/model/topology.ts";
import type { TraceRequest } from "../../../src/model/traffic.ts";
import { StepRecorder } from "../../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../../src/twin/synthetic-routing.ts";
import {
  AZURE_CONVERSATION_RATE,
  LONG_PROMPT_TOKENS,
  azureConversation,
  longPrompts,
} from "../../../src/twin/traffic.ts";
import { type VirtualRunResult, virtualRun } from "../../../src/twin/run/virtual-run.ts";

/** DeepSeek's prefill unit. */
export const EP32: Topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
/** Prompt tokens a second and node that DeepSeek's overview has measured, cached ones left out. */
const PREFILL_A_NODE = 57_000;

/** Answers that every rank of EP32 has under way: a full batch of the low-latency exchange. */
const DECODING = 128;

/** A pool under one kind of traffic. */
export interface TwinCase {
  readonly name: string;
  readonly traffic: (rng: Rng) => Iterable<TraceRequest>;
  /** All its requests come at once; it ends in time, whatever is in flight. */
  readonly atOnce?: boolean;
}

export const CASES: readonly TwinCase[] = [
  {
    name: "chat, 5.5 requests/s",
    traffic: (rng) => azureConversation(rng, AZURE_CONVERSATION_RATE),
  },
  {
    name: "chat, 100 requests/s",
    traffic: (rng) => azureConversation(rng, 100),
  },
  {
    name: "long prompts, 57k tokens/s a node",
    traffic: (rng) => longPrompts(rng, (PREFILL_A_NODE * EP32.nodes) / LONG_PROMPT_TOKENS),
  },
  {
    name: "answers, 128 a rank",
    traffic: (rng) => answers(rng, DECODING * gpuCount(EP32)),
    atOnce: true,
  },
];

/** So many requests at once whose prompts are short, and whose answers go on for a minute; a rank has room for all. */
function answers(rng: Rng, count: number): TraceRequest[] {
  return Array.from({ length: count }, () => ({
    arrivalMs: 0,
    inputTokens: 8 + rng.below(16),
    outputTokens: 2500,
  }));
}

/** A run of a case, and the processor time it took beside making the rows of its routing. */
export function runCase(
  { traffic, atOnce = false }: TwinCase,
  options: {
    readonly model: MoeModel;
    readonly topology: Topology;
    readonly seed: number;
    readonly fidelity: Fidelity;
    readonly policy?: BalancePolicy;
    readonly cadence: Cadence;
    readonly durationMs: number;
    readonly faults?: readonly RankFault[];
  },
): { readonly result: VirtualRunResult; readonly cpuMs: number } {
  const { model, seed } = options;
  const routing = new SyntheticRouting(model, seed);
  routing.makeAll();
  const before = process.cpuUsage();
  const run = virtualRun({
    policy: BALANCE_POLICIES.plimsoll,
    ...options,
    routing,
    traffic: traffic(new Rng(seed, 5)),
    cuts: atOnce,
    assignment: "least-in-flight",
    recorder: new StepRecorder(1),
  });
  for (;;) {
    const next = run.next();
    if (next.done !== true) continue;
    const { user, system } = process.cpuUsage(before);
    return { result: next.value, cpuMs: (user + system) / 1000 };
  }
}
