import type { LocalitySettings } from "../../../../src/model/model-settings.ts";
import type { MoeModel } from "../../../../src/model/moe-model.ts";
import type { HealthSettings } from "../../../../src/serving/health/settings.ts";
import { localityReport } from "../../../../src/serving/locality/locality-report.ts";
import { assignByExperts, assignByLoad } from "../../../../src/twin/instances/assign-requests.ts";
import { judgeAssignment } from "../../../../src/twin/instances/judge-assignment.ts";
import { RequestSignatures } from "../../../../src/twin/instances/request-signatures.ts";
import type { BenchTable } from "../../bench-table.ts";
import type { RequestStream } from "../streams.ts";
import { type LiveProcesses, ONE_PROCESS } from "./live-processes.ts";
import { KNOWN_BY, type KnownBy, type LiveFigures, liveRun } from "./live-run.ts";

const BANDS = [0.05, 0.1, 0.2];
const RECORDED_BAND = 0.05;
/** GPUs of an instance. */
const GPUS = 8;

export interface LiveSizes {
  readonly instances: readonly number[];
  readonly batch: number;
  /** Of the answers that name their experts. */
  readonly part: number;
  /** Requests for each instance before those that are judged, and those. */
  readonly warmUp: number;
  readonly judged: number;
  /** Processes that serve, beside one alone; 1 for no other. */
  readonly processes: number;
}

export const LIVE_SIZES: LiveSizes = {
  instances: [4, 8],
  batch: 64,
  part: 0.1,
  warmUp: 1000,
  judged: 500,
  processes: 1,
};

/** What a gateway's own way of requests comes to, beside what `plimsoll locality` says of the recording. */
export function liveTable(
  stream: RequestStream,
  model: MoeModel,
  health: HealthSettings,
  seed: number,
  progress: (line: string) => void,
  { instances: counts, batch, part, warmUp, judged, processes }: LiveSizes = LIVE_SIZES,
): BenchTable {
  const { experts, trace } = stream;
  const topology = { nodes: 1, gpusPerNode: GPUS, slotsPerGpu: Math.ceil(experts / GPUS) };
  const moe = { ...model, moeLayers: model.moeLayers.slice(0, trace.layers) };
  const rows: (string | number | null)[][] = [];
  for (const instances of counts) {
    for (const knownBy of KNOWN_BY) {
      const run = (locality: LocalitySettings | null, by = ONE_PROCESS) => {
        const how =
          locality === null ? "off" : `${locality.mode}, band ${locality.loadBand}${processesText(by)}`;
        progress(`${stream.name}: live, ${instances} instances, known by ${knownBy}: ${how}`);
        return liveRun({
          stream,
          model: moe,
          health,
          topology,
          instances,
          batch,
          knownBy,
          part,
          locality,
          processes: by,
          warmUp: warmUp * instances,
          judged: judged * instances,
          seed,
        });
      };
      const off = run(null);
      const row = (policy: string, figures: LiveFigures, predicted: number | null) =>
        rows.push([
          instances,
          knownBy,
          policy,
          figures.tokensPerStep,
          figures.distinctExperts,
          fewer(figures.distinctExperts, off.distinctExperts),
          figures.worstGpuExperts,
          figures.fullest,
          knownPart(figures, knownBy),
          predicted,
        ]);
      row("as without", off, null);
      const shadow = run({ ...PLAIN, mode: "shadow", loadBand: BANDS[0] });
      row("shadow", shadow, predictedBy(shadow));
      for (const loadBand of BANDS)
        row(`on, band ${loadBand}`, run({ ...PLAIN, mode: "on", loadBand }), null);
      for (const share of processes > 1 ? [true, false] : []) {
        const by = { count: processes, share };
        const several = run({ ...PLAIN, mode: "on", loadBand: BANDS[0] }, by);
        row(`on, band ${BANDS[0]}${processesText(by)}`, several, null);
      }
    }
    progress(`${stream.name}: recorded, ${instances} instances`);
    const [base, byExperts] = recorded(stream, instances, batch);
    const rest = [null, null, null, null];
    rows.push([instances, "tenant", "recorded, least-load", null, base, 0, ...rest]);
    rows.push([instances, "tenant", "recorded, locality", null, byExperts, fewer(byExperts, base), ...rest]);
  }
  return {
    title: `Live: ${stream.name}, ${stream.requests.count} requests, ${batch} in flight on an instance`,
    columns: [
      { name: "instances" },
      { name: "known by" },
      { name: "policy" },
      { name: "tokens a step", digits: 1 },
      { name: "experts read", digits: 1 },
      { name: "fewer, %", digits: 1 },
      { name: "worst GPU", digits: 2 },
      { name: "fullest / mean", digits: 3 },
      { name: "known, %", digits: 1 },
      { name: "predicted, %", digits: 1 },
    ],
    rows,
    notes: [
      `The gateway's own way of a request, in virtual time, from nothing known on; ${100 * part} % of the answers name ` +
        "their experts. Known by tenant: the tenant is the domain. Known by turns: conversations of five turns, and no " +
        "tenant. Predicted: what the shadow says that being on would save. Recorded: as `plimsoll locality` has it, " +
        "warm, of the requests' second halves, each once.",
    ],
    aims: [],
  };
}

function processesText({ count, share }: LiveProcesses): string {
  if (count === 1) return "";
  return `, ${count} processes, ${share ? "one learns" : "each learns for itself"}`;
}

const PLAIN = { percent: 100, switchbackMinutes: null };

function fewer(of: number, base: number): number {
  return 100 * (1 - of / base);
}

function knownPart({ locality }: LiveFigures, knownBy: KnownBy): number | null {
  if (locality === null) return null;
  const { known, choices } = locality.tally;
  return (100 * known[knownBy].requests) / choices.sent;
}

function predictedBy({ locality }: LiveFigures): number | null {
  const saved = locality === null ? null : localityReport(locality, 0, "").experts?.saved;
  return saved === undefined || saved === null ? null : 100 * saved;
}

function recorded(
  { trace, experts, requests, domains }: RequestStream,
  count: number,
  batch: number,
): readonly [leastLoad: number, locality: number] {
  const signatures = new RequestSignatures({ trace, experts, requests, source: "tenant", kinds: domains });
  const assigned = assignByExperts(requests, signatures, { count, band: RECORDED_BAND }, "warm");
  const topology = { nodes: 1, gpusPerNode: GPUS, slotsPerGpu: Math.ceil(experts / GPUS) };
  const judged = { trace, experts, requests, instances: count, batch, topology, timing: null };
  return [
    judgeAssignment(judged, assignByLoad(requests, count)).distinctExperts,
    judgeAssignment(judged, assigned.instanceOf).distinctExperts,
  ];
}
