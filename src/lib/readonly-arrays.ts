/** A typed array that its reader must not write: what published data is typed as. */
export interface ReadonlyNumbers {
  readonly length: number;
  readonly [index: number]: number;
}

/** Copies any integers into an array the caller owns. */
export function int32Copy(values: ReadonlyNumbers): Int32Array {
  return Int32Array.from(values as ArrayLike<number>);
}
