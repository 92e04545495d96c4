import {
  type Shape,
  list,
  nullOr,
  number,
  readJson,
  record,
  text,
  whole,
  word,
  writeJson,
} from "../../lib/shape.ts";
import {
  DECISION_KINDS,
  DECISION_STATES,
  type DecisionRecord,
  type MeasuredFigures,
  type PredictedFigures,
  type WeighedChange,
} from "../../model/decision-record.ts";

const figure = nullOr(number());
const predicted: Shape<PredictedFigures> = record({ balancedness: number(), nodeHops: figure });
const measured: Shape<MeasuredFigures | null> = nullOr(
  record({ spanMs: number(0), tokensPerSecond: number(0), balancedness: number(0), nodeHops: figure }),
);
const weighed: Shape<WeighedChange | null> = nullOr(
  record({
    before: predicted,
    after: predicted,
    movedSlots: whole(),
    movedBytes: number(0),
    gain: figure,
    neededGain: figure,
  }),
);

const decision: Shape<DecisionRecord> = record({
  id: whole(1),
  kind: word(DECISION_KINDS, "placement"),
  reason: text,
  state: word(DECISION_STATES, "done"),
  why: nullOr(text),
  atMs: number(),
  endMs: figure,
  times: whole(1),
  stages: nullOr(record({ done: whole(), of: whole() })),
  movedSlots: whole(),
  movedBytes: number(0),
  weighed,
  before: measured,
  after: measured,
});

const stored = record({ decisions: list(decision) });

/** The value `decisions` of a pool's store, in JSON. @param decisions the oldest first */
export function encodeDecisions(decisions: readonly DecisionRecord[]): Uint8Array {
  return writeJson({ decisions });
}

/** @throws Unreadable */
export function decodeDecisions(bytes: Uint8Array): readonly DecisionRecord[] {
  return readJson(bytes, stored).decisions;
}
