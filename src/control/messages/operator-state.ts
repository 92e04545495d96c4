import { type Shape, flag, list, orElse, readJson, record, whole, word, writeJson } from "../../lib/shape.ts";

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
  /** `reported`: somebody said so, and says when it is back; `silent`: it is back when it reports again. */
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

/** As it is stored: there, `reported` has the name that the first version gave it. A loss of another kind is a loss. */
const stored = record({
  paused: orElse(flag, false),
  drained: orElse(list(whole()), []),
  lost: orElse(list(record({ rank: whole(), how: word(["told", "silent"], "told") })), []),
});

export function encodeOperatorState({ paused, drained, lost }: OperatorState): Uint8Array {
  const ranks = lost.map(({ rank, how }) => ({ rank, how: how === "silent" ? how : "told" }));
  return writeJson({ paused, drained, lost: ranks });
}

/** @throws Unreadable */
export function decodeOperatorState(bytes: Uint8Array): OperatorState {
  const { paused, drained, lost } = readJson(bytes, stored);
  const ranks = lost.map(({ rank, how }) => ({ rank, how: how === "silent" ? how : ("reported" as const) }));
  return { paused, drained, lost: ranks };
}
