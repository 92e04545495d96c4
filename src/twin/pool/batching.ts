export interface Batching {
  readonly order: "decode-first" | "prefill-first";
  readonly stepTokens: number;
  readonly runningPerRank: number;
}
