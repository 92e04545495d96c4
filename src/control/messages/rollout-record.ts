import {
  type Shape,
  demand,
  list,
  nullOr,
  readJson,
  record,
  text,
  whole,
  word,
  writeJson,
} from "../../lib/shape.ts";
import type { Placement } from "../../model/placement.ts";
import { topologyShape, withMap } from "../../model/placement-shape.ts";

/** How far the change of a placement has come: the value `rollout` of its pool's store, in JSON. */
export interface RolloutRecord {
  /** Every live rank dispatches by this epoch or a later one: what only earlier ones name may be freed. */
  readonly retire: number;
  /** The last number that any stage or snapshot was given: none is given twice, published or not. */
  readonly issued: number;
  readonly pending: PendingStage | null;
}

/** One stage of some layers on its way. */
export interface PendingStage {
  /** Under which it is published. */
  readonly epoch: number;
  /** `prepare`: ranks copy weights beside those they use; `commit`: it is published, and ranks switch to it. */
  readonly phase: "prepare" | "commit";
  /** Layers that change. */
  readonly layers: readonly number[];
  /** Which stage of how many, from 1. */
  readonly chunk: number;
  readonly chunks: number;
  /** One sentence for a person. */
  readonly reason: string;
  readonly placement: Placement;
}

export const NO_ROLLOUT: RolloutRecord = { retire: 0, issued: 0, pending: null };

const slots = list(whole(-1));
const pendingStage: Shape<PendingStage> = (value, at) => {
  const stage = stored(value, at);
  const { physicalToLogical, ...shape } = stage.placement;
  const placement = withMap(shape, Int32Array.from(physicalToLogical));
  demand(
    stage.layers.every((layer) => layer < placement.layers),
    "a layer changes that there is not",
  );
  return { ...stage, placement };
};
const stored = record({
  epoch: whole(1),
  phase: word(["prepare", "commit"]),
  layers: list(whole()),
  chunk: whole(1),
  chunks: whole(1),
  reason: text,
  placement: record({
    layers: whole(1),
    experts: whole(1),
    topology: topologyShape,
    physicalToLogical: slots,
  }),
});
const rolloutRecord: Shape<RolloutRecord> = record({
  retire: whole(),
  issued: whole(),
  pending: nullOr(pendingStage),
});

export function encodeRollout({ pending, ...rest }: RolloutRecord): Uint8Array {
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
  return writeJson({ ...rest, pending: written });
}

/** @throws Unreadable */
export function decodeRollout(bytes: Uint8Array): RolloutRecord {
  return readJson(bytes, rolloutRecord);
}
