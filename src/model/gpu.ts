/** A type of GPU as its makers publish it: peaks, which nothing reaches. What is reached are fitted constants. */
export interface Gpu {
  /** A file of config/gpus without its ending. */
  readonly name: string;
  readonly source: string;
  /** What constants that are fitted to one type hold for the others of. */
  readonly generation: GpuGeneration;
  readonly memoryBytes: number;
  /** Bytes per second of its memory. */
  readonly memoryBandwidth: number;
  /** Dense floating-point operations per second. Without FP4 units, such weights become BF16 before products. */
  readonly flops: { readonly bf16: number; readonly fp8: number; readonly fp4: number | null };
  /** In one machine. */
  readonly nodeGpus: number;
  /** Bytes per second and direction between GPUs of one NVLink domain, and how many are in one. */
  readonly scaleUp: { readonly bandwidth: number; readonly gpus: number };
  /** Bytes per second and direction between domains. */
  readonly scaleOut: { readonly bandwidth: number };
}

export type GpuGeneration = (typeof GPU_GENERATIONS)[number];

export const GPU_GENERATIONS = ["hopper", "blackwell", "cdna3"] as const;
