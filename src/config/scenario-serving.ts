import { z } from "zod";
import { InputError } from "../lib/errors.ts";
import { BATCHED_ENGINES, type BatchedEngine } from "../model/batched-engine.ts";
import { type EngineShape, rankCount } from "../model/engine-shape.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { RANK_ASSIGNMENTS, type RankAssignment } from "../model/rank-assignment.ts";
import type { RankFault } from "../model/rank-fault.ts";
import type { Topology } from "../model/topology.ts";
import { expertUnits } from "./scenario-hardware.ts";
import { loadTopology } from "./topologies.ts";

const seconds = z.number().nonnegative();

/** The keys of a scenario that say how its pools serve. */
export const servingShape = {
  /** Where decoding has GPUs of its own: `topology` is the prompts' then. */
  decodeTopology: z.string().min(1).optional(),
  decodeAssignment: z.enum(RANK_ASSIGNMENTS).default("decode"),
  /** Whose way of filling steps ranks have; without it that of an engine nothing is known of. */
  engine: z.enum(BATCHED_ENGINES).optional(),
  /** Tokens that a rank forwards in a step at most, and requests that it runs; without them as the engine's defaults. */
  stepTokens: z.int().positive().optional(),
  runningPerRank: z.int().positive().optional(),
  /** Multi-token prediction: tokens drafted behind each answer's last, and the chance that one is right. */
  speculation: z
    .strictObject({ draftTokens: z.int().positive().max(16), acceptance: z.number().min(0).max(1) })
    .optional(),
  /** As the gateway's `admission`; without it everyone is let in. */
  admission: z
    .strictObject({
      maxInFlight: z.int().positive(),
      maxWaiting: z.int().nonnegative().default(1024),
      maxWaitSeconds: z.number().positive().default(10),
    })
    .optional(),
  /** Ranks that die, and come back. */
  faults: z
    .array(
      z.strictObject({
        pool: z.enum(["pool", "prefill", "decode"]).optional(),
        rank: z.int().nonnegative(),
        atSeconds: seconds,
        /** How long its pool hangs until that is noticed. */
        noticedSeconds: seconds.default(2),
        /** How long it is away; for good without. */
        forSeconds: z.number().positive().optional(),
      }),
    )
    .default([]),
  /** What a request has to keep to count as good. */
  slo: z.strictObject({ ttftMs: z.number().positive(), tpotMs: z.number().positive() }).optional(),
};

type Written = z.infer<ReturnType<typeof z.strictObject<typeof servingShape>>>;

export interface ScenarioServing {
  readonly batching: {
    readonly engine: BatchedEngine | null;
    readonly stepTokens: number | null;
    readonly runningPerRank: number | null;
  };
  readonly speculation: { readonly draftTokens: number; readonly acceptance: number } | null;
  /** Null where the same GPUs decode. */
  readonly decode: { readonly topology: Topology; readonly assignment: RankAssignment } | null;
  readonly admission: {
    readonly maxInFlight: number;
    readonly maxWaiting: number;
    readonly maxWaitMs: number;
  } | null;
  readonly faults: readonly RankFault[];
  readonly slo: { readonly ttftMs: number; readonly tpotMs: number } | null;
}

interface Surroundings {
  readonly path: string;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly shape: EngineShape;
  readonly placeOf: (field: string) => Parameters<typeof loadTopology>[2];
}

/** @throws InputError */
export async function readServing(written: Written, around: Surroundings): Promise<ScenarioServing> {
  const { decodeTopology, decodeAssignment, admission, slo } = written;
  const { model, placeOf } = around;
  const decode =
    decodeTopology === undefined
      ? null
      : {
          topology: expertUnits(
            await loadTopology(decodeTopology, model.experts, placeOf("decodeTopology")),
            model.experts,
            around.shape,
            { ...placeOf("attention"), field: [] },
          ),
          assignment: decodeAssignment,
        };
  const { engine = null, stepTokens = null, runningPerRank = null, speculation = null } = written;
  return {
    batching: { engine, stepTokens, runningPerRank },
    speculation,
    decode,
    admission:
      admission === undefined
        ? null
        : {
            maxInFlight: admission.maxInFlight,
            maxWaiting: admission.maxWaiting,
            maxWaitMs: admission.maxWaitSeconds * 1000,
          },
    faults: inOrder(
      written.faults.map((fault, i) => readFault(fault, `faults[${i}]`, decode?.topology, around)),
      around.path,
    ),
    slo: slo ?? null,
  };
}

/**
 * By time. A rank dies only where it is there.
 * @throws InputError
 */
function inOrder(faults: readonly RankFault[], path: string): readonly RankFault[] {
  const backAt = new Map<string, number>();
  const sorted = faults.toSorted((a, b) => a.atMs - b.atMs);
  for (const fault of sorted) {
    const { pool, rank, atMs, forMs } = fault;
    const key = `${pool} ${rank}`;
    if (atMs < (backAt.get(key) ?? 0)) {
      const hint = `begins at ${atMs / 1000} s, while rank ${rank} is still away by another fault; join them, or move one`;
      throw new InputError(path, `faults[${faults.indexOf(fault)}]`, hint);
    }
    backAt.set(key, forMs === null ? Number.POSITIVE_INFINITY : atMs + forMs);
  }
  return sorted;
}

function readFault(
  { pool, rank, atSeconds, noticedSeconds, forSeconds }: Written["faults"][number],
  field: string,
  decode: Topology | undefined,
  { path, topology, shape }: Surroundings,
): RankFault {
  const pools = decode === undefined ? ["pool"] : ["prefill", "decode"];
  const name = pool ?? (pools.length === 1 ? pools[0] : undefined);
  if (name === undefined || !pools.includes(name)) {
    const hint = `${name === undefined ? "is missing" : `is "${name}"`}; expected ${pools.map((one) => `"${one}"`).join(" or ")}`;
    throw new InputError(path, `${field}.pool`, hint);
  }
  const ranks = rankCount(name === "decode" && decode !== undefined ? decode : topology, shape);
  if (rank >= ranks) {
    throw new InputError(
      path,
      `${field}.rank`,
      `is ${rank}; the ${name === "pool" ? "pool" : `${name} pool`} has the ranks 0 to ${ranks - 1}`,
    );
  }
  return {
    pool: name,
    rank,
    atMs: atSeconds * 1000,
    noticedMs: noticedSeconds * 1000,
    forMs: forSeconds === undefined ? null : forSeconds * 1000,
  };
}
