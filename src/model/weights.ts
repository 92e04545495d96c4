/** How weights are stored. */
export type WeightFormat = "bf16" | "fp8" | "int8" | "int4" | "mxfp4" | "nvfp4";

export const WEIGHT_FORMATS: readonly WeightFormat[] = ["bf16", "fp8", "int8", "int4", "mxfp4", "nvfp4"];

/** Of int4, where a model says no other: GPTQ's and AWQ's usual one. */
export const INT4_GROUP = 128;

/** FP8 weights carry one FP32 scale per this many values either way (DeepSeek-V3 report §3.3). */
export const FP8_SCALE_BLOCK = 128;

export const BF16_BYTES = 2;
const SCALE_BYTES = 4;
/** Values that share one FP8 scale of one byte: the OCP formats' 32, NVFP4's 16. */
const MXFP4_GROUP = 32;
const NVFP4_GROUP = 16;

/** Bytes of one weight without its scales. */
export function bytesPerWeight(format: WeightFormat): number {
  return format === "bf16" ? BF16_BYTES : format === "fp8" || format === "int8" ? 1 : 0.5;
}

/**
 * Bytes of a matrix with its scales: of FP8 an FP32 scale per 128 × 128 block, of INT8 one per output, of INT4 a BF16
 * scale per group, of MXFP4 a byte per 32 values, of NVFP4 a byte per 16 and an FP32 scale of the whole.
 */
export function matrixBytes(
  format: WeightFormat,
  rows: number,
  columns: number,
  int4Group = INT4_GROUP,
): number {
  const groups = (size: number) => rows * Math.ceil(columns / size);
  return rows * columns * bytesPerWeight(format) + scaleBytes();

  function scaleBytes(): number {
    switch (format) {
      case "bf16":
        return 0;
      case "fp8":
        return Math.ceil(rows / FP8_SCALE_BLOCK) * Math.ceil(columns / FP8_SCALE_BLOCK) * SCALE_BYTES;
      case "int8":
        return rows * SCALE_BYTES;
      case "int4":
        return groups(int4Group) * BF16_BYTES;
      case "mxfp4":
        return groups(MXFP4_GROUP);
      case "nvfp4":
        return groups(NVFP4_GROUP) + SCALE_BYTES;
    }
  }
}
