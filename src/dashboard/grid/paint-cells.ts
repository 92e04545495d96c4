import type { Shading } from "./shading.ts";

const SEEN = 255;

/**
 * Paints one pixel for each cell; those of NaN, of which nothing is known, are left open. The canvas is as wide as a row,
 * and as high as there are rows.
 * @param values `[rows][columns]`
 */
export function paintCells(
  canvas: HTMLCanvasElement,
  values: readonly (readonly number[])[],
  { table, shadeOf }: Shading,
): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = image.data;
  let at = 0;
  for (const row of values) {
    for (const value of row) {
      const known = !Number.isNaN(value);
      const shade = known ? shadeOf(value) * 3 : 0;
      pixels[at++] = table[shade];
      pixels[at++] = table[shade + 1];
      pixels[at++] = table[shade + 2];
      pixels[at++] = known ? SEEN : 0;
    }
  }
  context.putImageData(image, 0, 0);
}
