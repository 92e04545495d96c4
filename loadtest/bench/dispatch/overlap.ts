import { chunkContext, noAttentionWork } from "../../../src/core/cost/attention-work.ts";
import { H800 } from "../../../src/core/cost/hardware.ts";
import { overlapGain } from "../../../src/core/cost/overlap-gain.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { pool, poolName } from "../pools.ts";

const PROMPT_TOKENS = 4096;
/** SGLang's decode ran with contexts of 2K. */
const DECODE_CONTEXT = 2000;

interface Case {
  readonly phase: "prefill" | "decode";
  readonly topology: Topology;
  /** Per GPU and step. */
  readonly tokens: number;
  /** Per token and layer: about what the V3 gate takes in such a pool (destinations.ts, the stream). */
  readonly nodeHops: number;
  readonly hops: number;
  /** SGLang's ablation on 96 × H100 (LMSYS): what two-micro-batch overlap won, %; null where it says nothing. */
  readonly published: readonly [least: number, most: number] | null;
}

const EP32 = { topology: pool(288, 32, 4), nodeHops: 2.35, hops: 6.85 };
const EP72 = { topology: pool(288, 72, 9), nodeHops: 5, hops: 7.5 };

const CASES: readonly Case[] = [
  { phase: "prefill", ...EP32, tokens: 4096, published: [27, 35] },
  { phase: "prefill", ...EP32, tokens: 16_384, published: [27, 35] },
  { phase: "decode", ...EP72, tokens: 16, published: null },
  { phase: "decode", ...EP72, tokens: 32, published: [-27, -27] },
  { phase: "decode", ...EP72, tokens: 64, published: null },
  { phase: "decode", ...EP72, tokens: 128, published: null },
  { phase: "decode", ...EP72, tokens: 256, published: [25.5, 25.5] },
];

/** What the cost model says of two-micro-batch overlap, beside what was measured. */
export function overlapTable({ input, progress }: Bench): BenchTable {
  progress("overlap");
  const rows: (string | number | null)[][] = [];
  const aims: Aim[] = [];
  for (const { phase, topology, tokens, nodeHops, hops, published } of CASES) {
    const work =
      phase === "prefill"
        ? { tokens, prefillContext: (tokens / PROMPT_TOKENS) * chunkContext(0, PROMPT_TOKENS) }
        : { tokens, decoding: tokens, decodeContext: tokens * DECODE_CONTEXT, sampled: tokens };
    const ranks = Array.from({ length: gpuCount(topology) }, () => ({ ...noAttentionWork(), ...work }));
    const gain = 100 * overlapGain(input.model, topology, H800, ranks, { nodeHops, hops });
    const name = `${phase}, ${tokens} tokens per GPU`;
    const [least, most] = published ?? [null, null];
    rows.push([name, poolName(topology), gain, least, most]);
    if (least === null) continue;
    const side = least > 0 ? { atLeast: 0 } : { atMost: 0 };
    aims.push({ what: `on the published side of 0, ${name}`, measured: gain, ...side });
  }
  return {
    title: "Two-micro-batch overlap: what it wins in throughput",
    columns: [
      { name: "step" },
      { name: "slots/GPUs/nodes" },
      { name: "modelled, %", digits: 1 },
      { name: "published, from", digits: 1 },
      { name: "to", digits: 1 },
    ],
    rows,
    notes: [
      `Modelled: balanced experts, prompts of ${PROMPT_TOKENS}, decode contexts of ${DECODE_CONTEXT}, ${H800.name}.`,
    ],
    aims,
  };
}
