import { shadeOf } from "../experts/colour-scale.ts";
import { type Matrix, evenPair } from "./exchange-figures.ts";

const SEEN = 255;

/**
 * Paints one pixel for each pair, relative to an even one; sources of which nothing is known are left open.
 * @param table `[SHADES][3]`, from `shades`
 */
export function paintMatrix(canvas: HTMLCanvasElement, matrix: Matrix, table: Uint8ClampedArray): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const image = context.createImageData(matrix.length, matrix.length);
  const even = evenPair(matrix);
  let at = 0;
  for (const row of matrix) {
    const known = row.some((value) => value > 0);
    for (const value of row) {
      const shade = known ? shadeOf(value / even) * 3 : 0;
      image.data.set(table.subarray(shade, shade + 3), at);
      image.data[at + 3] = known ? SEEN : 0;
      at += 4;
    }
  }
  context.putImageData(image, 0, 0);
}
