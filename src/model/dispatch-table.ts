/** The entries of one source rank: an engine takes entry `hash(token) mod entries` of the token's expert. */
export interface DispatchTable {
  readonly layers: number;
  readonly experts: number;
  readonly entries: number;
  /** `[layers][experts][entries]`: physical slots that hold the expert in that layer; −1 where none does. */
  readonly slots: Int32Array;
}
