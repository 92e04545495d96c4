/** The shape a pool's reports must have. */
export interface ReportShape {
  readonly layers: number;
  readonly experts: number;
  readonly gpus: number;
}
