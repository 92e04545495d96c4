import type { WeightFormat } from "../../model/weights.ts";

/**
 * The part of the FP8 rate that products with weights of a format reach on Hopper: formats of four bits become BF16
 * before they are multiplied, at half the rate of FP8 and INT8.
 */
export function arithmeticRate(format: WeightFormat): number {
  return format === "fp8" || format === "int8" ? 1 : 1 / 2;
}
