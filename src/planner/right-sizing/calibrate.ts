import { type Predicted, clockOf } from "./clock.ts";
import type { UnitTwin } from "./unit-twin.ts";

/** Finds the clock of the pool that runs, by which its twin goes from then on. @returns what the model says by its own */
export function* calibrate(twin: UnitTwin): Generator<number, Predicted> {
  const predicted = yield* twin.predict(1);
  const predict = (factor: number) => twin.predict(factor);
  twin.clock = yield* clockOf(twin.measured, predicted, predict, twin.outsideMs, twin.target);
  return predicted;
}
