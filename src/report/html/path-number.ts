/** A number of a path in a picture, to a tenth: nobody sees more, and paths have thousands. */
export function pathNumber(value: number): string {
  return String(Math.round(value * 10) / 10);
}
