import { addDecode, attentionWindows, noAttentionWork } from "../../core/cost/attention-work.ts";
import type { StepCost } from "../../core/cost/step-cost.ts";
import { TallyCounter } from "../../core/dispatch/tally-counter.ts";
import type { LayerTally } from "../../model/layer-tally.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";

/** What decode steps come to, means over steps, and over layers where it is of a layer. */
export interface StepFigures {
  readonly steps: number;
  readonly tokensPerStep: number;
  /** Experts that a step reads in a layer. */
  readonly distinctExperts: number;
  /** The same on the GPU that reads the most. */
  readonly worstGpuExperts: number;
  /** Of a token in a layer. */
  readonly nodeHops: number;
  /** By the cost model; null without one. */
  readonly stepMs: number | null;
}

/** How a step is timed. */
export interface StepTiming {
  readonly model: MoeModel;
  readonly cost: StepCost;
  /** Tokens that each request attends to. */
  readonly context: number;
}

/** Of so many steps one is timed. */
const TIMED = 8;

/**
 * Counts what steps read and send in an instance that has every expert once, in the order of their numbers, and whose
 * GPUs have equal blocks of a step's requests. Layers of the trace stand for those of the model that is timed.
 */
export class StepCounter {
  readonly #trace: RoutingTrace;
  readonly #topology: Topology;
  readonly #timing: StepTiming | null;
  readonly #counter: TallyCounter;
  #slots = new Int32Array(0);
  #sources = new Int32Array(0);
  #steps = 0;
  #tokens = 0;
  #distinct = 0;
  #worst = 0;
  #nodeHops = 0;
  #timed = 0;
  #seconds = 0;

  /** @param topology its slots hold all experts */
  constructor(trace: RoutingTrace, topology: Topology, timing: StepTiming | null) {
    this.#trace = trace;
    this.#topology = topology;
    this.#timing = timing;
    this.#counter = new TallyCounter(topology);
  }

  /**
   * One step.
   * @param rows the tokens' numbers in the trace
   * @param slotOf `[layers][experts]`; null where experts lie in the order of their numbers
   */
  add(rows: Int32Array, slotOf: Int32Array | null = null): void {
    const { layers, topk, experts } = this.#trace;
    const tokens = rows.length;
    if (this.#sources.length !== tokens) this.#resize(tokens);
    const [slots, sources] = [this.#slots, this.#sources];
    const batch = { tokens, sources, rows, experts, rowStride: layers * topk, topk };
    const width = slotOf === null ? 0 : slotOf.length / layers;
    const timer = this.#steps % TIMED === 0 ? this.#timer(tokens) : null;
    for (let layer = 0; layer < layers; layer++) {
      for (let i = 0; i < tokens; i++) {
        const from = (rows[i] * layers + layer) * topk;
        for (let k = 0; k < topk; k++) {
          const id = experts[from + k];
          slots[i * topk + k] = slotOf === null || id < 0 ? id : slotOf[layer * width + id];
        }
      }
      const tally = this.#counter.count(batch, slots);
      this.#read(tally);
      timer?.add(tally);
    }
    this.#steps++;
    this.#tokens += tokens;
    if (timer !== null) {
      this.#timed++;
      this.#seconds += timer.seconds(layers);
    }
  }

  figures(): StepFigures {
    const { layers } = this.#trace;
    const of = (sum: number, count: number) => (count === 0 ? 0 : sum / count);
    return {
      steps: this.#steps,
      tokensPerStep: of(this.#tokens, this.#steps),
      distinctExperts: of(this.#distinct, this.#steps * layers),
      worstGpuExperts: of(this.#worst, this.#steps * layers),
      nodeHops: of(this.#nodeHops, this.#tokens * layers),
      stepMs: this.#timed === 0 ? null : (1000 * this.#seconds) / this.#timed,
    };
  }

  #read({ slotLoad, nodeHops }: LayerTally): void {
    const { slotsPerGpu } = this.#topology;
    let worst = 0;
    for (let slot = 0; slot < slotLoad.length; ) {
      let own = 0;
      for (const end = slot + slotsPerGpu; slot < end; slot++) if (slotLoad[slot] > 0) own++;
      this.#distinct += own;
      if (own > worst) worst = own;
    }
    this.#worst += worst;
    this.#nodeHops += nodeHops;
  }

  #resize(tokens: number): void {
    const gpus = gpuCount(this.#topology);
    this.#slots = new Int32Array(tokens * this.#trace.topk);
    this.#sources = Int32Array.from({ length: tokens }, (_, i) => Math.floor((i * gpus) / tokens));
  }

  #timer(tokens: number): StepTimer | null {
    return this.#timing === null ? null : new StepTimer(this.#timing, tokens, gpuCount(this.#topology));
  }
}

/** One step's time: its layers in turn or overlapping, whichever is faster. */
class StepTimer {
  readonly #timing: StepTiming;
  readonly #mostTokens: number;
  readonly #attention: number;
  readonly #halfAttention: number;
  readonly #outside: number;
  #inTurn = 0;
  #overlapped = 0;

  constructor(timing: StepTiming, tokens: number, gpus: number) {
    const { model, cost, context } = timing;
    const windows = attentionWindows(model);
    const ranks = Array.from({ length: gpus }, () => noAttentionWork(windows.length));
    for (let i = 0; i < tokens; i++) addDecode(ranks[Math.floor((i * gpus) / tokens)], context, windows);
    this.#timing = timing;
    this.#mostTokens = Math.max(...ranks.map((work) => work.tokens));
    this.#attention = mean(cost.attention(ranks));
    this.#halfAttention = mean(cost.halfAttention(ranks));
    this.#outside = cost.outsideMoe(ranks);
  }

  add(tally: LayerTally): void {
    const { cost } = this.#timing;
    this.#inTurn += cost.inTurn(tally, this.#mostTokens, this.#attention);
    this.#overlapped += cost.overlapped(tally, this.#mostTokens, this.#halfAttention);
  }

  /** @param layers that were added, which stand for all of the model's */
  seconds(layers: number): number {
    const { model, cost } = this.#timing;
    const least = cost.overlaps ? Math.min(this.#inTurn, this.#overlapped) : this.#inTurn;
    return this.#outside + (least * model.moeLayers.length) / layers;
  }
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
