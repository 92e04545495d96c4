/** An expert that filled a GPU. */
interface FilledBy {
  /** By the model's own number. */
  readonly layer: number;
  readonly expert: number;
  /** What the GPU had of it, relative to a GPU's even part of the layer. */
  readonly load: number;
  /** Of the expert's tokens. */
  readonly share: number;
}

/** A GPU that steps waited for, in ten seconds of a row, with what filled it then. */
export interface FilledGpu {
  readonly gpu: number;
  readonly held: number;
  readonly experts: readonly FilledBy[];
}

/** What steps waited for in a span of time, as `GET /ep/v1/history/:pool/gpus` answers (docs/expert-plane.md). */
export interface HeldRow {
  /** Its beginning, milliseconds since 1970, and its length. */
  readonly at: number;
  readonly seconds: number;
  /** Of the windows that ended in it. */
  readonly measuredMs: number;
  /** `[gpus]`: how much longer a step took for each, in parts of an even one; null where nothing was forwarded. */
  readonly held: readonly number[] | null;
  readonly lost: readonly number[];
  readonly drained: readonly number[];
}

/** The same with all that is kept. */
export interface GpuHistoryRow extends HeldRow {
  /** `[gpus]`, relative to the mean of those in service. */
  readonly load: readonly number[] | null;
  /** `[gpus]`: the most of the row; null where ranks do not report it. */
  readonly kvUse: readonly number[] | null;
  readonly waiting: readonly number[] | null;
  readonly running: readonly number[] | null;
  /** Those that steps waited for most come first. */
  readonly fullest: readonly FilledGpu[];
}

/** What a pool's GPUs did at a moment. */
export interface GpusThen {
  /** Null where nothing is kept of it, or it is not known yet. */
  readonly row: GpuHistoryRow | null;
  /** It is being asked for, or not stored yet. */
  readonly awaited: boolean;
}
