/** What operators and supervisors have said of a pool, as it stands: the value `orders` of its store, in JSON. */
export interface OperatorState {
  /** No placement is changed but to bring missing experts back. */
  readonly paused: boolean;
  /** Ranks that are to hold nothing, though they serve what they hold until it is elsewhere. */
  readonly drained: readonly number[];
  readonly lost: readonly LostRank[];
}

export interface LostRank {
  readonly rank: number;
  /** `told`: somebody said so, and says when it is back; `silent`: it is back when it is heard again. */
  readonly how: "reported" | "silent";
}

export const NEW_OPERATOR_STATE: OperatorState = { paused: false, drained: [], lost: [] };

export type RankState = "live" | "lost" | "draining" | "drained";

/** @param holds whether the rank is named in the snapshot in force */
export function rankState(operatorState: OperatorState, rank: number, holds: boolean): RankState {
  if (operatorState.lost.some((lost) => lost.rank === rank)) return "lost";
  if (!operatorState.drained.includes(rank)) return "live";
  return holds ? "draining" : "drained";
}

export function encodeOperatorState(operatorState: OperatorState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(operatorState));
}

export function decodeOperatorState(bytes: Uint8Array | undefined): OperatorState {
  return bytes === undefined
    ? NEW_OPERATOR_STATE
    : (JSON.parse(new TextDecoder().decode(bytes)) as OperatorState);
}
