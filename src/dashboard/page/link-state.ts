import type { NodeBlock } from "../exchange/exchange.ts";
import { PAIR_MEASURES, type PairMeasure } from "../exchange/exchange-figures.ts";
import { HEAT_MAP_MODES, type HeatMapMode } from "../experts/heat-map-view.ts";
import { LOAD_UNITS, type LoadUnit } from "../experts/shown-map.ts";
import { GPU_MEASURES, type GpuMeasure } from "../gpus/gpu-measures.ts";
import { RANGES, type RangeName } from "../history/ranges.ts";

/** What a person looks at, and when: a link to the page holds it. */
export interface LinkState {
  /** Null for the first. */
  readonly pool: string | null;
  readonly range: RangeName;
  /** A moment that is past, milliseconds since 1970; null for now. */
  readonly at: number | null;
  /** Null for the one that steps wait for most. */
  readonly gpu: number | null;
  readonly gpus: GpuMeasure;
  readonly experts: HeatMapMode;
  readonly loads: LoadUnit;
  /** Whose changes to look at, by its id; null for the last that moved something. */
  readonly decision: number | null;
  /** Which nodes' GPUs the all-to-all shows; null where it is closed. */
  readonly exchange: NodeBlock | null;
  readonly pairs: PairMeasure;
}

export const USUAL_VIEW: LinkState = {
  pool: null,
  range: "5m",
  at: null,
  gpu: null,
  gpus: "load",
  experts: "experts",
  loads: "relative",
  decision: null,
  exchange: null,
  pairs: "selections",
};

const LONGEST_NAME = 1000;
const MOST_GPUS = 100_000;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** What cannot be read of it is as usual. @param hash of the page's address, e.g. `#pool=chat&range=1h` */
export function readLink(hash: string): LinkState {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const pool = said.get("pool");
  const gpu = said.get("gpu");
  const decision = said.get("decision");
  const at = TIME.test(said.get("at") ?? "") ? Date.parse(said.get("at") as string) : Number.NaN;
  return {
    pool: pool !== null && pool !== "" && pool.length <= LONGEST_NAME ? pool : null,
    range: oneOf(
      RANGES.map(({ name }) => name),
      said.get("range"),
      USUAL_VIEW.range,
    ),
    at: Number.isFinite(at) && at >= 0 ? at : null,
    gpu: gpu !== null && /^\d{1,6}$/.test(gpu) && Number(gpu) < MOST_GPUS ? Number(gpu) : null,
    gpus: oneOf(
      GPU_MEASURES.map(({ value }) => value),
      said.get("gpus"),
      USUAL_VIEW.gpus,
    ),
    experts: oneOf(
      HEAT_MAP_MODES.map(({ value }) => value),
      said.get("experts"),
      USUAL_VIEW.experts,
    ),
    loads: oneOf(
      LOAD_UNITS.map(({ value }) => value),
      said.get("loads"),
      USUAL_VIEW.loads,
    ),
    decision: decision !== null && /^[1-9]\d{0,14}$/.test(decision) ? Number(decision) : null,
    exchange: nodesOf(said.get("exchange")),
    pairs: oneOf(
      PAIR_MEASURES.map(({ value }) => value),
      said.get("pairs"),
      USUAL_VIEW.pairs,
    ),
  };
}

/** Says what is not as usual; empty where nothing is. */
export function writeLink(view: LinkState): string {
  const said = new URLSearchParams();
  if (view.pool !== null) said.set("pool", view.pool);
  if (view.range !== USUAL_VIEW.range) said.set("range", view.range);
  if (view.at !== null) said.set("at", `${new Date(view.at).toISOString().slice(0, 19)}Z`);
  if (view.gpu !== null) said.set("gpu", String(view.gpu));
  if (view.gpus !== USUAL_VIEW.gpus) said.set("gpus", view.gpus);
  if (view.experts !== USUAL_VIEW.experts) said.set("experts", view.experts);
  if (view.loads !== USUAL_VIEW.loads) said.set("loads", view.loads);
  if (view.decision !== null) said.set("decision", String(view.decision));
  if (view.exchange !== null) said.set("exchange", nodesText(view.exchange));
  if (view.pairs !== USUAL_VIEW.pairs) said.set("pairs", view.pairs);
  // A time is read more easily with its colons.
  const text = said.toString().replaceAll("%3A", ":");
  return text === "" ? "" : `#${text}`;
}

/** `all`, or the sender and the receiver: `2-all`, `all-5`, `2-5`. */
function nodesText({ from, to }: NodeBlock): string {
  return from === null && to === null ? "all" : `${from ?? "all"}-${to ?? "all"}`;
}

function nodesOf(said: string | null): NodeBlock | null {
  if (said === "all") return { from: null, to: null };
  const sides = /^(all|\d{1,5})-(all|\d{1,5})$/.exec(said ?? "");
  if (sides === null) return null;
  const node = (side: string) => (side === "all" ? null : Number(side));
  return { from: node(sides[1]), to: node(sides[2]) };
}

function oneOf<T extends string>(words: readonly T[], said: string | null, usual: T): T {
  return words.find((word) => word === said) ?? usual;
}
