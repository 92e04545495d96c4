import type { WeightFormat } from "../../model/weights.ts";
import type { Hardware } from "./hardware.ts";

/** The part of the FP8 rate that products with weights of a format reach. Four bits that are integers become BF16. */
export function arithmeticRate({ formatRates }: Pick<Hardware, "formatRates">, format: WeightFormat): number {
  switch (format) {
    case "fp8":
    case "int8":
      return 1;
    case "mxfp4":
    case "nvfp4":
      return formatRates.fp4;
    case "bf16":
    case "int4":
      return formatRates.bf16;
  }
}
