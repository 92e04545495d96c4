import type { MapScale } from "./map-scale.ts";

/**
 * Paints one pixel per expert. The canvas is as wide as a row and `layers` high.
 * @param values `[layers][experts]`
 */
export function paintLoad(
  canvas: HTMLCanvasElement,
  values: readonly (readonly number[])[],
  { table, shadeOf }: Pick<MapScale, "table" | "shadeOf">,
): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = image.data;
  let at = 0;
  for (const row of values) {
    for (const value of row) {
      const shade = shadeOf(value) * 3;
      pixels[at++] = table[shade];
      pixels[at++] = table[shade + 1];
      pixels[at++] = table[shade + 2];
      pixels[at++] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
