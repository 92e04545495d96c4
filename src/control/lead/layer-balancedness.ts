/**
 * Mean over maximum load of the GPUs in service, three decimals; null in a layer without load.
 * @param gpuLoad `[layers][gpus]`
 */
export function layerBalancedness(
  gpuLoad: Float64Array,
  gpus: number,
  inService: readonly number[],
): (number | null)[] {
  return Array.from({ length: gpuLoad.length / gpus }, (_, layer) => {
    let total = 0;
    let most = 0;
    for (const gpu of inService) {
      const load = gpuLoad[layer * gpus + gpu];
      total += load;
      most = Math.max(most, load);
    }
    return most === 0 ? null : Math.round((1000 * total) / inService.length / most) / 1000;
  });
}
