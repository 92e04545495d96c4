/** What operators and supervisors have said of a pool, as it stands: the value `orders` of its store, in JSON. */
export interface Standing {
  /** No placement is changed but to bring missing experts back. */
  readonly paused: boolean;
  /** Ranks that are to hold nothing, though they serve what they hold until it is elsewhere. */
  readonly drained: readonly number[];
  readonly lost: readonly LostRank[];
}

export interface LostRank {
  readonly rank: number;
  /** `told`: somebody said so, and says when it is back; `silent`: it is back when it is heard again. */
  readonly how: "told" | "silent";
}

export const NEW_STANDING: Standing = { paused: false, drained: [], lost: [] };

export type RankStanding = "live" | "lost" | "draining" | "drained";

/** @param holds whether the rank is named in the snapshot in force */
export function rankStanding(standing: Standing, rank: number, holds: boolean): RankStanding {
  if (standing.lost.some((lost) => lost.rank === rank)) return "lost";
  if (!standing.drained.includes(rank)) return "live";
  return holds ? "draining" : "drained";
}

export function encodeStanding(standing: Standing): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(standing));
}

export function decodeStanding(bytes: Uint8Array | undefined): Standing {
  return bytes === undefined ? NEW_STANDING : (JSON.parse(new TextDecoder().decode(bytes)) as Standing);
}
