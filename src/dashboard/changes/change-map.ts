import type { MapScale } from "../experts/map-scale.ts";
import type { ShownMap } from "../experts/shown-map.ts";
import { layerText } from "../gpus/gpu-text.ts";
import { expertChangeText, slotText, summaryText } from "./change-text.ts";
import { type ChangeKind, type ReadChange, keyOf } from "./placement-change.ts";

export type ChangesBy = "slots" | "experts";

export const CHANGES_BY: readonly {
  readonly value: ChangesBy;
  readonly title: string;
  readonly what: string;
}[] = [
  { value: "slots", title: "by slot", what: "Slots that hold another expert than before, GPU by GPU" },
  { value: "experts", title: "by expert", what: "Experts with more replicas, fewer, or as many elsewhere" },
];

export const CHANGE_KINDS: readonly ChangeKind[] = ["gained", "moved", "lost"];

type Colour = readonly [number, number, number];
/** Okabe and Ito's blue and vermilion, which all eyes tell apart, and a grey between. */
const LIGHT: Readonly<Record<ChangeKind | "none", Colour>> = {
  none: [244, 242, 236],
  gained: [0, 114, 178],
  moved: [140, 146, 152],
  lost: [213, 94, 0],
};
const DARK: typeof LIGHT = {
  none: [26, 36, 46],
  gained: [86, 180, 233],
  moved: [128, 138, 148],
  lost: [240, 130, 60],
};

export function kindColour(kind: ChangeKind, dark: boolean): string {
  return `rgb(${(dark ? DARK : LIGHT)[kind].join(" ")})`;
}

/** What a decision changed, drawn. @param numbers the model's layer of each row */
export function changeMap(
  read: ReadChange,
  by: ChangesBy,
  numbers: readonly number[],
  dark: boolean,
): ShownMap {
  const { change, width } = read;
  const columns = by === "slots" ? width : change.experts;
  const changed = by === "slots" ? read.slots : read.experts;
  const values = Array.from({ length: change.layers }, (_, row) =>
    Array.from({ length: columns }, (__, column) => {
      const kind = changed.get(keyOf(row, column))?.kind;
      return kind === undefined ? 0 : 1 + CHANGE_KINDS.indexOf(kind);
    }),
  );
  return {
    values,
    columnName: by,
    expertAt: (row, column) =>
      by === "experts" ? column : (read.slots.get(keyOf(row, column))?.after ?? -1),
    columnsOf: (row, expert) => (by === "experts" ? [expert] : slotsOf(read, row, expert)),
    scale: kindScale(dark),
    said: ({ row, column }) =>
      by === "slots"
        ? slotText(read, layerText(row, numbers), row, column)
        : expertChangeText(read, layerText(row, numbers), row, column),
    lead: summaryText(read),
  };
}

/** Slots that came to hold an expert, or held it. */
function slotsOf({ change }: ReadChange, row: number, expert: number): number[] {
  return change.slots
    .filter(([layer, , before, after]) => layer === row && (before === expert || after === expert))
    .map(([, slot]) => slot);
}

function kindScale(dark: boolean): MapScale {
  const colours = dark ? DARK : LIGHT;
  const rows = [colours.none, ...CHANGE_KINDS.map((kind) => colours[kind])];
  return {
    table: Uint8ClampedArray.from(rows.flat()),
    shadeOf: (value) => value,
    title: "",
    colours: null,
    ticks: [],
  };
}
