import type { Placement } from "../../model/placement.ts";

/** How far the change of a placement has come: the value `rollout` of its pool's store, in JSON. */
export interface RolloutRecord {
  /** Every live rank dispatches by this epoch or a later one: what only earlier ones name may be freed. */
  readonly retire: number;
  /** The last number that any stage or snapshot was given: none is given twice, published or not. */
  readonly issued: number;
  readonly pending: PendingStage | null;
}

/** One group of layers on its way. */
export interface PendingStage {
  /** Under which it is published. */
  readonly epoch: number;
  /** `prepare`: ranks copy weights beside those they use; `commit`: it is published, and ranks switch to it. */
  readonly phase: "prepare" | "commit";
  /** Layers that change. */
  readonly layers: readonly number[];
  /** Which group of how many, from 1. */
  readonly chunk: number;
  readonly chunks: number;
  /** One sentence for a person. */
  readonly reason: string;
  readonly placement: Placement;
}

export const NO_ROLLOUT: RolloutRecord = { retire: 0, issued: 0, pending: null };

export function encodeRollout({ pending, ...record }: RolloutRecord): Uint8Array {
  const written =
    pending === null
      ? null
      : {
          ...pending,
          placement: {
            ...pending.placement,
            physicalToLogical: Array.from(pending.placement.physicalToLogical as ArrayLike<number>),
          },
        };
  return new TextEncoder().encode(JSON.stringify({ ...record, pending: written }));
}

export function decodeRollout(bytes: Uint8Array | undefined): RolloutRecord {
  return bytes === undefined ? NO_ROLLOUT : (JSON.parse(new TextDecoder().decode(bytes)) as RolloutRecord);
}
