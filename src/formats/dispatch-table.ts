import type { DispatchTable } from "../model/dispatch-table.ts";
import type { LayerNumbers } from "../model/layer-numbers.ts";

/**
 * One rank's entries as JSON: `{"entries": K, "table": [layers][experts][K]}` of physical slots. An expert that has one
 * slot in all its entries is written with one, an expert without a replica with none.
 *
 * @param numbers which layer each row is of, in `"moe_layers"`; null where nothing says
 */
export function writeDispatchTable(
  { layers, experts, entries, slots }: DispatchTable,
  numbers: LayerNumbers | null,
): string {
  const entriesOf = (row: number) => {
    const own = Array.from(slots.subarray(row * entries, (row + 1) * entries));
    if (own[0] < 0) return [];
    return own.every((slot) => slot === own[0]) ? [own[0]] : own;
  };
  const table = Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: experts }, (__, expert) => entriesOf(layer * experts + expert)),
  );
  return `${JSON.stringify({ entries, ...(numbers === null ? {} : { moe_layers: numbers }), table })}\n`;
}
