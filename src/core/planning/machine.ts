import { type EngineShape, PLAIN_SHAPE } from "../../model/engine-shape.ts";
import { H800, type Hardware } from "../cost/hardware.ts";

/** What a pool runs on. */
export interface Machine {
  readonly hardware: Hardware;
  /** How its GPUs share the model. */
  readonly shape: EngineShape;
}

/** Of pools that nobody has said it of: DeepSeek's published one. */
export const UNKNOWN_MACHINE: Machine = { hardware: H800, shape: PLAIN_SHAPE };
