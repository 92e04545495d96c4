import { V3Gate } from "../core/gate/v3-gate.ts";
import { Rng } from "../lib/rng.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { hashText } from "../routing/block-hashes.ts";
import type { RoutingSource, RoutingSpan } from "./routing-source.ts";

/** Kinds of request, each with experts of its own. */
const TOPICS = 8;
/** Distinct tokens per topic; longer requests meet them again. */
const TOPIC_ROWS = 1024;
/** Rows are made this many at a time, when a request first needs one. */
const BLOCK_ROWS = 32;
/** Requests after which the mix of topics has come round. */
const DRIFT_REQUESTS = 3000;
/** How far a topic's weight swings: e^±DRIFT_SWING. */
const DRIFT_SWING = 1.2;
/** Of the requests after a shift: so many turn to one topic. A placement from before it levels them to 0.85 to 0.88. */
const SURGE_PART = 0.8;
const NORMALS = 1 << 16;

/**
 * Spread of an expert's affinity, in units of the spread between tokens: what all topics share, and what each
 * topic adds. Fitted so that the load of the mix matches DeepSeek-V3's published statistics (10,324 GPQA and
 * AIME records, layers 3–60, github.com/johanna-rock/moe-balance): the top 32 of 256 experts hold 31 % of the
 * load on average over layers (25–50 % by layer), the largest expert 2.7 % (6.8 × uniform).
 */
const SHARED_SPREAD = 0.26;
const TOPIC_SPREAD = 0.25;
/** Layers differ: their shared spread is scaled by e^(LAYER_SPREAD · normal). */
const LAYER_SPREAD = 0.18;
/** A few experts are far hotter than the rest: each affinity is scaled by e^(TAIL · normal). */
const TAIL = 0.34;

/**
 * The V3 gate on random affinities: expert e of layer l is liked by a token of topic d as
 * shared(l, e) + topic(l, d, e) + noise, passed through a sigmoid. The mix of topics drifts as requests arrive, so
 * which experts are hot drifts with it. Same seed, same rows, in whatever order they are asked for.
 *
 * Other models' gates differ in their weights, not in whom they choose: a softmax keeps the order of affinities, and a
 * gate without groups keeps the best of all. The skew is DeepSeek-V3's whatever the model.
 */
export class SyntheticRouting implements RoutingSource {
  readonly experts: Int16Array;
  readonly rowStride: number;
  readonly topk: number;
  readonly #layers: number;
  readonly #width: number;
  readonly #gate: V3Gate;
  readonly #seed: number;
  readonly #arrivals: Rng;
  /**
   * e^−noise, tabulated, so that a sigmoid costs no exponential. A token's noise is a run of the table from a
   * random place: 65,536 different runs per layer. The head is repeated at the end, so that no run has to wrap.
   */
  readonly #noise: Float64Array;
  /** `[topics][layers][experts]`: e^−(shared + topic affinity). */
  readonly #aversion: Float64Array;
  readonly #phase: Float64Array;
  readonly #weight = new Float64Array(TOPICS);
  readonly #made = new Uint8Array((TOPICS * TOPIC_ROWS) / BLOCK_ROWS);
  readonly #score: Float64Array;
  #requests = 0;
  #shifts = 0;
  /** The topic that the last shift turned to; -1 before the first. */
  #surge = -1;

  constructor(model: MoeModel, seed: number) {
    this.topk = model.topk;
    this.#layers = model.moeLayers.length;
    this.#width = model.experts;
    this.rowStride = this.#layers * model.topk;
    this.experts = new Int16Array(TOPICS * TOPIC_ROWS * this.rowStride);
    this.#gate = new V3Gate(model);
    this.#seed = seed;
    this.#arrivals = new Rng(seed, 1);
    this.#score = new Float64Array(model.experts);
    const rng = new Rng(seed, 2);
    this.#noise = new Float64Array(NORMALS + model.experts);
    for (let i = 0; i < NORMALS; i++) this.#noise[i] = Math.exp(-rng.normal());
    this.#noise.copyWithin(NORMALS, 0, model.experts);
    const shared = new Float64Array(this.#layers * model.experts);
    for (let layer = 0; layer < this.#layers; layer++) {
      const spread = SHARED_SPREAD * Math.exp(LAYER_SPREAD * rng.normal());
      for (let e = 0; e < model.experts; e++) {
        shared[layer * model.experts + e] = spread * rng.normal() * Math.exp(TAIL * rng.normal());
      }
    }
    this.#aversion = new Float64Array(TOPICS * shared.length);
    for (let i = 0; i < this.#aversion.length; i++) {
      this.#aversion[i] = Math.exp(-(shared[i % shared.length] + TOPIC_SPREAD * rng.normal()));
    }
    this.#phase = Float64Array.from({ length: TOPICS }, () => rng.uniform());
  }

  column(layer: number): number {
    return layer * this.topk;
  }

  /** A tenant has one topic, another after each shift. */
  admit(_tokens: number, tenant: string | null = null): RoutingSpan {
    const topic = tenant === null ? this.#drawTopic() : (hashText(tenant) + this.#shifts) % TOPICS;
    const offset = this.#arrivals.below(TOPIC_ROWS);
    return { base: topic * TOPIC_ROWS, offset, length: TOPIC_ROWS, tenant: tenant ?? `topic ${topic}` };
  }

  rows(span: RoutingSpan, position: number, count: number, out: Int32Array, at: number): void {
    let within = (span.offset + position) % span.length;
    for (let i = 0; i < count; i++) {
      const row = span.base + within;
      const block = Math.floor(row / BLOCK_ROWS);
      if (this.#made[block] === 0) this.#make(block);
      out[at + i] = row;
      within = within + 1 === span.length ? 0 : within + 1;
    }
  }

  /** Most requests turn to one topic: the one least asked for, among those that the shift before did not turn to. */
  shift(): void {
    this.#shifts++;
    this.#weigh();
    let least = -1;
    for (let d = 0; d < TOPICS; d++) {
      if (d !== this.#surge && (least < 0 || this.#weight[d] < this.#weight[least])) least = d;
    }
    this.#surge = least;
  }

  /** Makes every row, so that no request waits for one: two seconds for DeepSeek-V3. */
  makeAll(): void {
    for (let block = 0; block < this.#made.length; block++) if (this.#made[block] === 0) this.#make(block);
  }

  #drawTopic(): number {
    const sum = this.#weigh();
    this.#requests++;
    if (this.#surge >= 0 && this.#arrivals.uniform() < SURGE_PART) return this.#surge;
    let left = this.#arrivals.uniform() * sum;
    let topic = 0;
    while (topic < TOPICS - 1 && left >= this.#weight[topic]) left -= this.#weight[topic++];
    return topic;
  }

  /** Topic weights swing as sinusoids of the request count, each with its own phase. @returns their sum */
  #weigh(): number {
    const turn = this.#requests / DRIFT_REQUESTS;
    let sum = 0;
    for (let d = 0; d < TOPICS; d++) {
      const swing = Math.sin(2 * Math.PI * (turn + this.#phase[d]));
      sum += this.#weight[d] = Math.exp(DRIFT_SWING * swing);
    }
    return sum;
  }

  #make(block: number): void {
    const rng = new Rng(this.#seed, 3, block);
    const width = this.#width;
    const aversion = this.#aversion;
    const noise = this.#noise;
    const score = this.#score;
    const firstRow = block * BLOCK_ROWS;
    const topicBase = Math.floor(firstRow / TOPIC_ROWS) * this.#layers * width;
    for (let row = firstRow; row < firstRow + BLOCK_ROWS; row++) {
      for (let layer = 0; layer < this.#layers; layer++) {
        const base = topicBase + layer * width;
        const from = rng.below(NORMALS);
        for (let e = 0; e < width; e++) {
          // sigmoid(affinity + noise) = 1 / (1 + e^−affinity · e^−noise)
          score[e] = 1 / (1 + aversion[base + e] * noise[from + e]);
        }
        this.#gate.select(score, this.experts, row * this.rowStride + layer * this.topk);
      }
    }
    this.#made[block] = 1;
  }
}
