import { StepCost } from "../core/cost/step-cost.ts";
import { type AttentionWork, attentionWindows, noAttentionWork } from "../core/cost/attention-work.ts";
import type { Hardware } from "../core/cost/hardware.ts";
import { type LayerTally, layerTally } from "../model/layer-tally.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import type { Parallelism } from "../twin/calibration/serving-point.ts";
import { type ExpertChances, ExpertLoad, expertChances } from "./expert-load.ts";
import { distinctPlaces } from "./distinct-places.ts";
import { known } from "./known.ts";
import { engineShape } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";

/** What a step has in it, on average over such steps. */
export interface StepLoad {
  /** Sequences that decode on a rank, and on that with most of them; tokens that each attends to. */
  readonly answers: number;
  readonly mostAnswers: number;
  readonly context: number;
  /** Tokens of prompts: on the rank with most of them, and on all; what each attends to. */
  readonly prompt: number;
  readonly prompts: number;
  readonly seen: number;
}

export interface StepPool {
  readonly model: MoeModel;
  readonly shape: Parallelism;
  readonly topology: Topology;
  readonly hardware: Hardware;
  readonly overlaps: boolean;
  /** Whether experts are placed by their load. */
  readonly levelled: boolean;
}

/** What the experts of a step of so many tokens take. */
interface ExpertTimes {
  /** Seconds of answers and of prompts, and of prompts and answers where two micro-batches overlap. */
  readonly answers: number;
  readonly prompts: number;
  readonly halfAnswers: number;
  readonly halfPrompts: number;
  /** Of the busiest GPU, in those of all on average. */
  readonly imbalance: number;
}

/** Powers of two have so many steps between them. */
const STEPS = 2;

/**
 * How long steps of a pool take, by the twin's own costs (`StepCost`): the rank with most to attend to, and the GPU with most
 * experts to compute, as far as chances tell. Of the tables between, what experts take is interpolated.
 */
export class StepTimes {
  readonly ranks: number;
  readonly #pool: StepPool;
  readonly #cost: StepCost;
  readonly #load: ExpertLoad;
  readonly #work: AttentionWork;
  readonly #windows: readonly number[];
  /** A row of MoE layers for each kind of attention, and how many there are. */
  readonly #rows: readonly (readonly [row: number, count: number])[];
  /** One GPU, the busiest. */
  readonly #tally: LayerTally;
  readonly #hops: number;
  readonly #nodeHops: number;
  readonly #units: number;
  readonly #experts: (ExpertTimes | undefined)[] = [];

  constructor(pool: StepPool, chances: ExpertChances) {
    const { model, shape, topology, hardware, overlaps } = pool;
    this.#pool = pool;
    this.ranks = shape.dp;
    this.#cost = new StepCost(model, topology, hardware, { shape: engineShape(shape), overlaps });
    this.#load = new ExpertLoad(chances, topology, pool.levelled);
    this.#windows = attentionWindows(model);
    this.#work = noAttentionWork(this.#windows.length);
    this.#tally = layerTally({ nodes: 1, gpusPerNode: 1, slotsPerGpu: 1 });
    this.#units = gpuCount(topology);
    this.#rows = alikeRows(model);
    this.#hops = distinctPlaces(model, this.#units);
    this.#nodeHops = distinctPlaces(model, topology.nodes);
  }

  seconds(load: StepLoad): number {
    const { answers, mostAnswers, context, prompt, prompts, seen } = load;
    const work = this.#work;
    work.tokens = mostAnswers + prompt;
    if (work.tokens === 0) return 0;
    work.decoding = mostAnswers;
    work.sampled = mostAnswers + (prompt > 0 ? 1 : 0);
    work.decodeContext = mostAnswers * context;
    work.prefillContext = prompt * seen;
    this.#windows.forEach((window, i) => {
      work.decodeWithin[i] = mostAnswers * Math.min(context, window);
      work.prefillWithin[i] = prompt * Math.min(seen, window);
    });
    const tokens = Math.max(1, answers * this.ranks + prompts);
    const part = prompts / tokens;
    const experts = this.#expertsOf(tokens);
    this.#fill(tokens, work.tokens, experts.imbalance);
    const cost = this.#cost;
    const works = [work];
    const outside = cost.outsideMoe(works);
    const mixed = (ofAnswers: number, ofPrompts: number) => ofAnswers + part * (ofPrompts - ofAnswers);
    const whole = {
      ...cost.exchanges(this.#tally, work.tokens, part, false),
      experts: mixed(experts.answers, experts.prompts),
    };
    const ofWhole = cost.attention(works);
    let inTurn = outside;
    for (const [row, count] of this.#rows)
      inTurn += count * cost.layerInTurn({ attention: ofWhole[row], ...whole });
    if (!cost.overlaps) return inTurn;
    const half = {
      ...cost.exchanges(this.#tally, work.tokens, part, true),
      experts: mixed(experts.halfAnswers, experts.halfPrompts),
    };
    const ofHalf = cost.halfAttention(works);
    let overlapped = outside;
    for (const [row, count] of this.#rows)
      overlapped += count * cost.layerOverlapped({ attention: ofHalf[row], ...half }, part);
    return Math.min(inTurn, overlapped);
  }

  /** What travels, at the GPU that has most of it. */
  #fill(tokens: number, mostTokens: number, imbalance: number): void {
    const { topk } = this.#pool.model;
    const tally = this.#tally;
    const units = this.#units;
    const each = tokens / units;
    const begun = Math.max(each, (mostTokens * this.ranks) / Math.max(units, this.ranks));
    tally.selections = tokens * topk;
    tally.gpuLoad[0] = Math.ceil(each * topk * imbalance);
    tally.selectionsFrom[0] = Math.ceil(begun * topk);
    tally.nodeSends[0] = Math.ceil(this.#nodeHops * begun);
    tally.nodeReceives[0] = Math.ceil(this.#nodeHops * each);
    tally.rankReceives[0] = Math.ceil(this.#hops * each * imbalance);
  }

  #expertsOf(tokens: number): ExpertTimes {
    const at = STEPS * Math.log2(tokens);
    const index = Math.floor(at);
    const [below, above] = [this.#tabled(index), this.#tabled(index + 1)];
    const [from, to] = [2 ** (index / STEPS), 2 ** ((index + 1) / STEPS)];
    const part = (tokens - from) / (to - from);
    const between = (key: keyof ExpertTimes) => below[key] + part * (above[key] - below[key]);
    return {
      answers: between("answers"),
      prompts: between("prompts"),
      halfAnswers: between("halfAnswers"),
      halfPrompts: between("halfPrompts"),
      imbalance: between("imbalance"),
    };
  }

  #tabled(index: number): ExpertTimes {
    return (this.#experts[index] ??= this.#made(2 ** (index / STEPS)));
  }

  #made(tokens: number): ExpertTimes {
    const times = { answers: 0, prompts: 0, halfAnswers: 0, halfPrompts: 0, imbalance: 0 };
    const loads = this.#load.of(tokens);
    const halves = this.#load.of(tokens / 2);
    const own = tokens / this.#units;
    loads.forEach(({ active, selections }, layer) => {
      const half = halves[layer].active;
      let [answers, prompts, halfAnswers, halfPrompts, most, all] = [0, 0, 0, 0, 0, 0];
      for (let gpu = 0; gpu < active.length; gpu++) {
        const load = selections[gpu];
        const time = (part: number, halved: boolean) =>
          this.#cost.expertSeconds((halved ? half : active)[gpu], load, own, part, halved);
        answers = Math.max(answers, time(0, false));
        prompts = Math.max(prompts, time(1, false));
        halfAnswers = Math.max(halfAnswers, time(0, true));
        halfPrompts = Math.max(halfPrompts, time(1, true));
        most = Math.max(most, load);
        all += load / active.length;
      }
      times.answers += answers / loads.length;
      times.prompts += prompts / loads.length;
      times.halfAnswers += halfAnswers / loads.length;
      times.halfPrompts += halfPrompts / loads.length;
      times.imbalance += most / all / loads.length;
    });
    return times;
  }
}

/** Rows of layers that have the same kind of attention: the first, and how many. */
function alikeRows({ moeLayers, attention }: MoeModel): (readonly [row: number, count: number])[] {
  const rows = new Map<number, [row: number, count: number]>();
  moeLayers.forEach((layer, row) => {
    const kind = attention.findIndex(({ layers }) => layers.includes(layer));
    const alike = known(rows, kind, () => [row, 0]);
    alike[1]++;
  });
  return [...rows.values()];
}

/** Made once for each model and what its tokens ask, and of these for each hardware and pool. */
const CHANCES = new WeakMap<MoeModel, Map<string, ExpertChances>>();
const TRACED = new WeakMap<RoutingTrace, ExpertChances>();
const TIMES = new WeakMap<ExpertChances, WeakMap<Hardware, Map<string, StepTimes>>>();

/** @param asked which experts tokens take in the twin */
export function stepTimesOf(pool: StepPool, asked: Pick<PlanProblem, "seed" | "skew" | "routed">): StepTimes {
  const { model, hardware, shape, topology, overlaps, levelled } = pool;
  const { seed, skew, routed } = asked;
  const drawn = known(CHANCES, model, () => new Map<string, ExpertChances>());
  const make = () => expertChances(model, asked);
  const chances = routed === null ? known(drawn, `${seed} ${skew}`, make) : known(TRACED, routed, make);
  const byHardware = known(TIMES, chances, () => new WeakMap<Hardware, Map<string, StepTimes>>());
  const byPool = known(byHardware, hardware, () => new Map<string, StepTimes>());
  const name = JSON.stringify([shape, topology, overlaps, levelled]);
  return known(byPool, name, () => new StepTimes(pool, chances));
}
