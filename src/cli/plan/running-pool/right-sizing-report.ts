import { unitGpus } from "../../../planner/layout.ts";
import type { RightSizing } from "../../../planner/right-sizing/right-size.ts";
import type { RunningPool } from "../../../planner/right-sizing/running-unit.ts";
import type { ServiceTarget } from "../../../planner/service-target.ts";

/** A pool with what was found of it. */
export interface Answered {
  readonly name: string;
  readonly url: string;
  readonly target: ServiceTarget;
  readonly pool: RunningPool;
  readonly notes: readonly string[];
  readonly result: RightSizing;
}

/** As one JSON object: what right-sizing.json holds. */
export function rightSizingReport({ name, url, target, pool, notes, result }: Answered): object {
  const {
    measured,
    gpus,
    keepsNow,
    predicted,
    clock,
    room,
    beyond,
    limit,
    lost,
    placement,
    changes,
    useless,
  } = result;
  const { promptTokens: _prompts, answerTokens: _answers, ...figures } = measured;
  const { layout } = pool.unit;
  return {
    format: "plimsoll.right-sizing/1",
    pool: {
      name,
      url,
      model: pool.model.name,
      precision: pool.precision,
      gpu: layout.type.gpu.name,
      gpus,
      units: pool.units,
      gpusPerUnit: unitGpus(layout),
      prefill: layout.prefill,
      decode: layout.decode,
      redundantSlots: layout.redundantSlots,
      stepTokens: layout.stepTokens,
    },
    target,
    notes,
    now: { ...figures, keepsTarget: keepsNow },
    predicted,
    predictedOverMeasured: {
      ttftP50: ratioOf(predicted.ttftMs?.p50, measured.ttftMs?.p50),
      ttftP95: ratioOf(predicted.ttftMs?.p95, measured.ttftMs?.p95),
      itlMean: ratioOf(predicted.itlMs?.mean, measured.itlMs?.mean),
      itlP50: ratioOf(predicted.itlMs?.p50, measured.itlMs?.p50),
      itlP95: ratioOf(predicted.itlMs?.p95, measured.itlMs?.p95),
      balancedness: ratioOf(predicted.balancedness, measured.balancedness),
    },
    clock,
    room: {
      ...room,
      from: result.roomFrom,
      to: result.roomTo,
      requestsPerSecond: room.factor * measured.rate,
      expectedBeyond: beyond,
      limit,
      lost,
    },
    placement,
    changes,
    useless,
  };
}

/** Null where one of them is not known. */
export function ratioOf(
  predicted: number | null | undefined,
  measured: number | null | undefined,
): number | null {
  if (predicted === null || predicted === undefined || measured === null || measured === undefined)
    return null;
  return measured > 0 ? predicted / measured : null;
}
