import {
  flag,
  list,
  nullOr,
  number,
  orElse,
  readJson,
  record,
  whole,
  word,
  writeJson,
} from "../../lib/shape.ts";

/** What operators, supervisors and ranks have said of a pool, as it stands: the value `orders` of its store, in JSON. */
export interface OperatorState {
  /** No placement is changed but to bring missing experts back. */
  readonly paused: boolean;
  /** Ranks that are to hold nothing, though they serve what they hold until it is elsewhere. */
  readonly drained: readonly number[];
  readonly lost: readonly LostRank[];
  /** Of ranks that have said theirs. */
  readonly incarnations: readonly RankIncarnation[];
}

export interface LostRank {
  readonly rank: number;
  /**
   * `reported`: somebody said so, and says when it is back. `silent`: it is back when it reports again. `restarted`: it
   * is there and holds nothing; it is live once no snapshot in force names it.
   */
  readonly how: "reported" | "silent" | "restarted";
}

/** Which start of a rank its messages are of. */
export interface RankIncarnation {
  readonly rank: number;
  readonly incarnation: number;
  /** Whether the leader has seen it begin, with nothing. False for the first that it came to know of a rank. */
  readonly begun: boolean;
  /** Those before it that are less, the latest first: what still comes of them is late. */
  readonly before: readonly number[];
  /** About the window of its load reports, ms, rounded up: the next leader waits for more. Null where none has come. */
  readonly windowMs: number | null;
}

export const NEW_OPERATOR_STATE: OperatorState = {
  paused: false,
  drained: [],
  lost: [],
  incarnations: [],
};

export const RANK_STATES = ["live", "lost", "draining", "drained"] as const;
export type RankState = (typeof RANK_STATES)[number];

/** @param holds whether the rank is named in the snapshot in force */
export function rankState(operatorState: OperatorState, rank: number, holds: boolean): RankState {
  if (operatorState.lost.some((lost) => lost.rank === rank)) return "lost";
  if (!operatorState.drained.includes(rank)) return "live";
  return holds ? "draining" : "drained";
}

/**
 * As it is stored: there, `reported` has the name that the first version gave it. A loss of a kind that is not known here
 * is a loss. An earlier version leaves out incarnations.
 */
const stored = record({
  paused: flag,
  drained: list(whole()),
  lost: list(record({ rank: whole(), how: word(["told", "silent", "restarted"], "told") })),
  incarnations: orElse(
    list(
      record<RankIncarnation>({
        rank: whole(),
        incarnation: whole(),
        begun: flag,
        before: list(whole()),
        windowMs: nullOr(number(0)),
      }),
    ),
    [],
  ),
});

export function encodeOperatorState(state: OperatorState): Uint8Array {
  const lost = state.lost.map((one) => ({ ...one, how: one.how === "reported" ? "told" : one.how }));
  return writeJson({ ...state, lost });
}

/** @throws Unreadable */
export function decodeOperatorState(bytes: Uint8Array): OperatorState {
  const state = readJson(bytes, stored);
  const lost = state.lost.map(({ rank, how }) => ({ rank, how: how === "told" ? "reported" : how }) as const);
  return { ...state, lost };
}
