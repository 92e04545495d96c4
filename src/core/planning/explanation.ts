import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Compared } from "./compare-placements.ts";
import type { Prediction } from "./prediction.ts";
import type { Weighed } from "./weigh-moves.ts";

/** The hottest experts that are named. */
const NAMED = 8;

/** What was compared for a decision. Plain data, for people. */
export interface Explanation {
  /** How the engine splits tokens over replicas, by which all of it is judged. */
  readonly dispatch: ConsumerDispatch;
  readonly load: LoadSummary;
  /** What was predicted of the placement in force. */
  readonly inForce: PredictedState;
  readonly candidates: readonly CandidateState[];
  /** Which of them is worth most; null where only shares were weighed. */
  readonly best: number | null;
  /** What was predicted of that one, or of the new shares. */
  readonly after: PredictedState;
  /** `must`: the one in force uses GPUs that it may not, or lacks experts. */
  readonly verdict: string;
}

/** What was predicted of a plan. */
export interface PredictedState {
  readonly balancedness: number;
  /** Per token and layer; null where it was not asked. */
  readonly nodeHops: number | null;
  /** Time of a token, by MoE layer, in that of its experts perfectly balanced; null where it was not asked. */
  readonly cost: number | null;
}

/** The same of one that could follow, with its moves. */
export interface CandidateState extends PredictedState {
  readonly movedSlots: number;
  readonly movedBytes: number;
  readonly transferMs: number;
  /** The part of tokens it is predicted to forward more, and how many more are worth its moves. */
  readonly gain: number;
  readonly neededGain: number;
}

/** The forecast that was planned for. */
export interface LoadSummary {
  readonly tokensPerSecond: number;
  /** Those with the most load relative to the mean of their layer, the hottest first. */
  readonly hottest: readonly {
    readonly layer: number;
    readonly expert: number;
    readonly timesMean: number;
  }[];
}

/** @param load tokens per second of each expert */
export function loadSummary({ layers, experts, tokens }: ExpertLoad): LoadSummary {
  const hottest: { layer: number; expert: number; timesMean: number }[] = [];
  let total = 0;
  let loaded = 0;
  for (let layer = 0; layer < layers; layer++) {
    let sum = 0;
    for (let i = layer * experts; i < (layer + 1) * experts; i++) sum += tokens[i];
    if (sum === 0) continue;
    total += sum;
    loaded++;
    for (let expert = 0; expert < experts; expert++) {
      const timesMean = (tokens[layer * experts + expert] * experts) / sum;
      if (hottest.length === NAMED && timesMean <= hottest[NAMED - 1].timesMean) continue;
      const at = hottest.findIndex((other) => other.timesMean < timesMean);
      hottest.splice(at < 0 ? hottest.length : at, 0, { layer, expert, timesMean });
      if (hottest.length > NAMED) hottest.pop();
    }
  }
  return { tokensPerSecond: total / Math.max(1, loaded), hottest };
}

/** Of placements that were weighed. */
export function explainPlacements(
  dispatch: ConsumerDispatch,
  load: ExpertLoad,
  { before, candidates, best }: Compared,
  verdict: string,
): Explanation {
  return {
    dispatch,
    load: loadSummary(load),
    inForce: predictedState(before),
    candidates: candidates.map(candidateState),
    best: candidates.indexOf(best),
    after: predictedState(best.after),
    verdict,
  };
}

/** Of shares alone. @param before the balancedness of the shares in force, by the load of late; @param after of the new ones */
export function explainShares(
  dispatch: ConsumerDispatch,
  load: ExpertLoad,
  before: number,
  after: number,
  verdict: string,
): Explanation {
  return {
    dispatch,
    load: loadSummary(load),
    inForce: { balancedness: before, nodeHops: null, cost: null },
    candidates: [],
    best: null,
    after: { balancedness: after, nodeHops: null, cost: null },
    verdict,
  };
}

function predictedState({ balancedness, nodeHops, cost }: Prediction): PredictedState {
  return { balancedness, nodeHops, cost };
}

function candidateState({ after, moves, transferMs, gain, neededGain }: Weighed): CandidateState {
  return {
    ...predictedState(after),
    movedSlots: moves.slots,
    movedBytes: moves.bytes,
    transferMs,
    gain,
    neededGain,
  };
}
