/** How values become colours. */
export interface Shading {
  /** `[shades][3]`: red, green and blue, 0..255. */
  readonly table: Uint8ClampedArray;
  readonly shadeOf: (value: number) => number;
}
