/**
 * Packs items into packs of equally many items with near-equal weight: longest processing time first, ties to
 * the earlier item and the earlier pack (EPLB's `balanced_packing`).
 *
 * @param weights `[items]`
 * @param packs   divides the items
 * @returns `[packs][items / packs]`: the items of each pack in the order they were put in
 */
export function packBalanced(weights: Float64Array, packs: number): Int32Array {
  const items = weights.length;
  const capacity = items / packs;
  const packed = new Int32Array(items);
  const order = Uint32Array.from({ length: items }, (_, item) => item);
  if (capacity === 1) {
    packed.set(order);
    return packed;
  }
  order.sort((a, b) => weights[b] - weights[a]);
  const packWeight = new Float64Array(packs);
  const packItems = new Int32Array(packs);
  for (const item of order) {
    let lightest = -1;
    for (let pack = 0; pack < packs; pack++) {
      if (packItems[pack] < capacity && (lightest < 0 || packWeight[pack] < packWeight[lightest]))
        lightest = pack;
    }
    packed[lightest * capacity + packItems[lightest]++] = item;
    packWeight[lightest] += weights[item];
  }
  return packed;
}
