/** Memory in use at a time, or after so much work. */
export interface HeapPoint {
  readonly at: number;
  readonly bytes: number;
}

/** What is in use grows by so many bytes for each unit of `at`: by least squares; 0 where there are not two times. */
export function heapSlope(points: readonly HeapPoint[]): number {
  const mean = (of: (point: HeapPoint) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [atMean, bytesMean] = [mean(({ at }) => at), mean(({ bytes }) => bytes)];
  const spread = points.reduce((sum, { at }) => sum + (at - atMean) ** 2, 0);
  if (!(spread > 0)) return 0;
  return points.reduce((sum, { at, bytes }) => sum + (at - atMean) * (bytes - bytesMean), 0) / spread;
}
