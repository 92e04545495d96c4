/** The shape of a pool that is made up. */
export interface MadeUpPool {
  readonly pool: string;
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly slotsPerGpu: number;
  readonly layers: number;
  readonly experts: number;
}
