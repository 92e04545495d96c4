import { type Placed, replicaCounts, replicasOf, slotLoad } from "./placed-experts.ts";

/** Of what there is now: the load of experts, by their number or each layer's heaviest first; of slots; or replicas. */
export type LoadMode = "experts" | "sorted" | "slots" | "replicas";
/** What the heat map shows: that; what is off its forecast; or what a decision changed. */
export type HeatMapMode = LoadMode | "forecast" | "changes";

export const HEAT_MAP_MODES: readonly {
  readonly value: HeatMapMode;
  readonly title: string;
  readonly what: string;
}[] = [
  { value: "experts", title: "Experts", what: "The load of each logical expert, relative to an even one" },
  { value: "sorted", title: "Sorted", what: "The same, each layer's heaviest experts on the left" },
  {
    value: "slots",
    title: "Slots",
    what: "What each physical slot gets, relative to an even one, GPU by GPU",
  },
  { value: "replicas", title: "Replicas", what: "How many replicas each expert has" },
  {
    value: "forecast",
    title: "Off forecast",
    what: "What each expert has more, or less, than was forecast as the placement in force was made",
  },
  {
    value: "changes",
    title: "Changes",
    what: "What a decision changed of the placement: the one chosen in the table of decisions, else the last",
  },
];

export interface HeatMapView {
  /** `[rows][columns]`, relative to an even one; of replicas their number. */
  readonly values: readonly (readonly number[])[];
  readonly columnName: "experts" | "slots" | "ranks of load";
  /** The expert in a cell; -1 for an empty slot. */
  readonly expertAt: (row: number, column: number) => number;
  /** Where an expert is, as columns of its row. */
  readonly columnsOf: (row: number, expert: number) => readonly number[];
}

/**
 * @param load `[layers][experts]`, relative to uniform
 * @param placed null where it is not known: slots and replicas cannot be shown then
 */
export function heatMapView(mode: LoadMode, load: HeatMapView["values"], placed: Placed | null): HeatMapView {
  const plain: HeatMapView = {
    values: load,
    columnName: "experts",
    expertAt: (_row, column) => column,
    columnsOf: (_row, expert) => [expert],
  };
  switch (mode) {
    case "experts":
      return plain;
    case "sorted":
      return sorted(load);
    case "slots":
      return placed === null
        ? plain
        : {
            values: slotLoad(placed, load),
            columnName: "slots",
            expertAt: (row, column) => placed.map[row][column],
            columnsOf: (row, expert) =>
              [...placed.map[row].keys()].filter((slot) => placed.map[row][slot] === expert),
          };
    case "replicas":
      return placed === null ? plain : { ...plain, values: replicaCounts(placed, load[0].length) };
  }
}

function sorted(load: HeatMapView["values"]): HeatMapView {
  const orders = load.map((row) => [...row.keys()].toSorted((a, b) => row[b] - row[a]));
  return {
    values: load.map((row, layer) => orders[layer].map((expert) => row[expert])),
    columnName: "ranks of load",
    expertAt: (row, column) => orders[row][column],
    columnsOf: (row, expert) => [orders[row].indexOf(expert)],
  };
}

/** What an expert gets, for a person. */
export interface ExpertFacts {
  readonly layer: string;
  readonly expert: number;
  /** Relative to an even one. */
  readonly load: number;
  /** The same as it was forecast when the placement in force was made; null where that is not known. */
  readonly forecast: number | null;
  /** Null where it is not known how many experts a token has. */
  readonly tokensPerSecond: number | null;
  readonly placed: Placed | null;
  readonly row: number;
}

/** One expert, for a person: load beside its forecast, replicas with their GPUs and shares, and of which epoch that is. */
export function expertText(facts: ExpertFacts): string {
  const { layer, expert, load, forecast, tokensPerSecond, placed, row } = facts;
  if (expert < 0) return `${layer}, an empty slot`;
  const tokens =
    tokensPerSecond === null ? "" : `, ${Math.round(tokensPerSecond).toLocaleString("en-GB")} tokens/s`;
  const expected = forecast === null ? "" : ` (forecast ${forecast.toFixed(2)}×)`;
  const what = `${layer}, expert ${expert}, ${load.toFixed(2)}×${expected}${tokens}`;
  if (placed === null) return what;
  const replicas = replicasOf(placed, row, expert);
  if (replicas.length === 0) return `${what} · no replica (epoch ${placed.epoch})`;
  const where = replicas.map(({ gpu, share }) =>
    replicas.length === 1 ? `GPU ${gpu}` : `GPU ${gpu} ${Math.round(share * 100)} %`,
  );
  const count = replicas.length === 1 ? "1 replica" : `${replicas.length} replicas`;
  return `${what} · ${count}: ${where.join(", ")} (epoch ${placed.epoch})`;
}
