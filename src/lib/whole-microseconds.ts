/** Milliseconds, rounded to whole microseconds: as times are written into files. */
export function wholeMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
