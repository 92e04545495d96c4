import { StepCost } from "../../../src/core/cost/step-cost.ts";
import { ENGINE_H800 } from "../../../src/core/cost/hardware.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import { engineOn } from "../../../src/twin/calibration/gpu-hardware.ts";
import {
  assignByExperts,
  assignByKey,
  assignByLoad,
  type Instances,
  type Learning,
} from "../../../src/twin/instances/assign-requests.ts";
import { firstTokens } from "../../../src/twin/instances/first-tokens.ts";
import { judgeAssignment, type Judged } from "../../../src/twin/instances/judge-assignment.ts";
import { RequestSignatures, type SignatureSource } from "../../../src/twin/instances/request-signatures.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { assignByAnswers } from "./oracle.ts";
import type { RequestStream } from "./streams.ts";

const BAND = 0.05;
const CONTEXT = 2000;
/** Consecutive requests of a domain that are one session here; the data have no sessions. */
const SESSION_REQUESTS = 4;
/** Ways that are judged with the experts placed for what each instance gets, too. */
const PLACED = ["least-load", "locality, prefill, warm"];
const PREFILL_AIM = 0.15;
const PREFIX_AIM = 0.1;

export interface LocalitySizes {
  readonly instances: readonly number[];
  readonly batches: readonly number[];
  /** Nodes and GPUs of a node, of one instance. */
  readonly pools: readonly (readonly [nodes: number, gpusPerNode: number])[];
}

export const SIZES: LocalitySizes = {
  instances: [2, 4, 8],
  batches: [16, 32, 64, 128],
  pools: [
    [1, 8],
    [4, 8],
  ],
};

/** Every way of choosing instances, on one stream. */
export function localityTable(
  stream: RequestStream,
  model: MoeModel,
  seed: number,
  progress: (line: string) => void,
  sizes: LocalitySizes = SIZES,
): BenchTable {
  const rows: (string | number | null)[][] = [];
  const aims: Aim[] = [];
  for (const count of sizes.instances) {
    for (const batch of sizes.batches) {
      progress(`${stream.name}: ${count} instances, batch ${batch}`);
      const instances = { count, band: BAND };
      const pools = sizes.pools.map(([nodes, gpusPerNode]) =>
        judgedOn(stream, model, [count, batch], nodes, gpusPerNode),
      );
      const assignments = waysOf(stream, pools[0], instances, seed);
      for (const [i, judged] of pools.entries()) {
        const figures = assignments.map(([way, assigned]) => ({ way, ...judgeAssignment(judged, assigned) }));
        for (const way of PLACED) {
          const assigned = assignments.find(([name]) => name === way)?.[1] as Int32Array;
          figures.push({ way: `${way}, placed`, ...judgeAssignment(judged, assigned, true) });
        }
        const [base] = figures;
        const saved = (of: number) => 1 - of / base.distinctExperts;
        for (const {
          way,
          distinctExperts,
          worstGpuExperts,
          nodeHops,
          stepMs,
          maxToMeanLoad,
          mostAhead,
          tokensPerStep,
        } of figures) {
          const part = stepMs === null || base.stepMs === null ? null : 100 * (1 - stepMs / base.stepMs);
          const gpus = sizes.pools[i][0] * sizes.pools[i][1];
          rows.push([
            count,
            `EP${gpus}`,
            batch,
            tokensPerStep,
            way,
            distinctExperts,
            100 * saved(distinctExperts),
            worstGpuExperts,
            nodeHops,
            stepMs,
            part,
            maxToMeanLoad,
            mostAhead,
          ]);
        }
        if (i > 0) continue;
        const of = (name: string) => saved(figures.find(({ way }) => way === name)?.distinctExperts ?? 0);
        const where = `${count} instances, batch ${batch}`;
        if (batch >= 32)
          aims.push({
            what: `prefill, ${where}: fewer distinct experts (oracle ${of("oracle").toFixed(3)})`,
            measured: of("locality, prefill, warm"),
            atLeast: PREFILL_AIM,
          });
        if (batch >= 32)
          aims.push({
            what: `prefix, ${where}: fewer distinct experts`,
            measured: of("locality, prefix, warm"),
            atLeast: PREFIX_AIM,
          });
        const fullest = Math.max(
          ...figures
            .filter(({ way }) => way.startsWith("locality"))
            .map(({ maxToMeanLoad }) => maxToMeanLoad),
        );
        aims.push({
          what: `locality, ${where}: fullest instance / mean`,
          measured: fullest,
          atMost: 1 + BAND,
        });
      }
    }
  }
  return {
    title: `Instances by experts: ${stream.name}, ${stream.requests.count} requests, ${stream.trace.tokens} tokens`,
    columns: [
      { name: "instances" },
      { name: "GPUs" },
      { name: "batch" },
      { name: "tokens a step", digits: 1 },
      { name: "policy" },
      { name: "experts read", digits: 1 },
      { name: "fewer, %", digits: 1 },
      { name: "worst GPU", digits: 2 },
      { name: "node hops", digits: 2 },
      { name: "step ms", digits: 2 },
      { name: "shorter, %", digits: 1 },
      { name: "fullest / mean", digits: 3 },
      { name: "most ahead", digits: 2 },
    ],
    rows,
    notes: [
      "Experts that a decode step reads in a layer, of the second half of each request; decided from the first halves. " +
        "Warm: clusters were learned from the stream's own first halves beforehand; cold: from nothing. " +
        "Sessions are four requests of a domain that follow one another, tenants are domains. The oracle knows all answers.",
    ],
    aims,
  };
}

type Way = readonly [name: string, instanceOf: Int32Array];

function waysOf(stream: RequestStream, judged: Judged, instances: Instances, seed: number): Way[] {
  const { trace, experts, requests, domains } = stream;
  const byExperts = (source: SignatureSource, kinds: Float64Array | null, learning: Learning): Way => {
    const signatures = new RequestSignatures({ trace, experts, requests, source, kinds });
    return [
      `locality, ${source}, ${learning}`,
      assignByExperts(requests, signatures, instances, learning).instanceOf,
    ];
  };
  return [
    ["least-load", assignByLoad(requests, instances.count)],
    ["session affinity", assignByKey(requests, instances, sessionsOf(stream))],
    ["cache-aware", assignByKey(requests, instances, firstTokens(trace, requests))],
    byExperts("prefill", null, "cold"),
    byExperts("prefill", null, "warm"),
    byExperts("prefix", null, "cold"),
    byExperts("prefix", null, "warm"),
    byExperts("tenant", domains, "warm"),
    ["oracle", assignByAnswers(stream, judged, instances, seed)],
  ];
}

function sessionsOf({ requests, domains }: RequestStream): Int32Array {
  const met = new Map<number, number>();
  const sessions = new Int32Array(requests.count);
  const most = requests.count + 1;
  for (const request of requests.arrivals) {
    const domain = domains[request];
    const before = met.get(domain) ?? 0;
    met.set(domain, before + 1);
    sessions[request] = domain * most + Math.floor(before / SESSION_REQUESTS);
  }
  return sessions;
}

function judgedOn(
  { trace, requests, experts }: RequestStream,
  model: MoeModel,
  [count, batch]: readonly [instances: number, batch: number],
  nodes: number,
  gpusPerNode: number,
): Judged {
  const topology = { nodes, gpusPerNode, slotsPerGpu: Math.ceil(experts / (nodes * gpusPerNode)) };
  const cost = new StepCost(model, topology, ENGINE_H800, engineOn(null));
  return {
    trace,
    experts,
    requests,
    instances: count,
    batch,
    topology,
    timing: { model, cost, context: CONTEXT },
  };
}
