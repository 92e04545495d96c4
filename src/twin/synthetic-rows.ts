import { V3Gate } from "../core/gate/v3-gate.ts";
import { normalPart } from "../lib/normal.ts";
import { Rng } from "../lib/rng.ts";
import { USUAL_SKEW } from "../model/expert-skew.ts";
import type { MoeModel } from "../model/moe-model.ts";

/** Kinds of request, each with experts of its own. */
export const TOPICS = 8;
/** Distinct tokens per topic; longer requests meet them again. */
export const TOPIC_ROWS = 1024;
/** How far a topic's weight swings: e^±DRIFT_SWING. */
export const DRIFT_SWING = 1.2;
/** Rows are made this many at a time, when a request first needs one. */
const BLOCK_BITS = 5;
const BLOCK_ROWS = 1 << BLOCK_BITS;
const NORMALS = 1 << 16;
/** Of what experts are taken to be beyond. */
const HALVINGS = 20;

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
 * shared(l, e) + topic(l, d, e) + noise, passed through a sigmoid. Same seed, same rows, in whatever order they are asked
 * for: several sources may read them, each for a run of its own.
 *
 * Other models' gates differ in their weights, not in whom they choose: a softmax keeps the order of affinities, and a
 * gate without groups keeps the best of all. The skew is DeepSeek-V3's whatever the model.
 */
export class SyntheticRows {
  /** `[topics][rows of a topic][layers][topk]` */
  readonly experts: Int16Array;
  readonly stride: number;
  readonly topk: number;
  /** `[topics]`, 0..1: of each topic's part in the traffic. */
  readonly phase: Float64Array;
  readonly #layers: number;
  readonly #width: number;
  readonly #gate: V3Gate;
  readonly #seed: number;
  /**
   * e^−noise, tabulated, so that a sigmoid costs no exponential. A token's noise is a run of the table from a
   * random place: 65,536 different runs per layer. The head is repeated at the end, so that no run has to wrap.
   */
  readonly #noise: Float64Array;
  /** `[topics][layers][experts]`: e^−(shared + topic affinity). */
  readonly #aversion: Float64Array;
  readonly #made = new Uint8Array((TOPICS * TOPIC_ROWS) / BLOCK_ROWS);
  readonly #score: Float64Array;

  /** @param skew all affinities are scaled by it (`USUAL_SKEW`) */
  constructor(model: MoeModel, seed: number, skew = USUAL_SKEW) {
    this.topk = model.topk;
    this.#layers = model.moeLayers.length;
    this.#width = model.experts;
    this.stride = this.#layers * model.topk;
    this.experts = new Int16Array(TOPICS * TOPIC_ROWS * this.stride);
    this.#gate = new V3Gate(model);
    this.#seed = seed;
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
      this.#aversion[i] = Math.exp(-skew * (shared[i % shared.length] + TOPIC_SPREAD * rng.normal()));
    }
    this.phase = Float64Array.from({ length: TOPICS }, () => rng.uniform());
  }

  /** Makes sure that a row is there. */
  make(row: number): void {
    const block = row >>> BLOCK_BITS;
    if (this.#made[block] === 0) this.#make(block);
  }

  /** Makes every row, so that no request waits for one: two seconds for DeepSeek-V3. */
  makeAll(): void {
    for (let row = 0; row < TOPICS * TOPIC_ROWS; row += BLOCK_ROWS) this.make(row);
  }

  /**
   * `[experts]`: the part of a layer's tokens that choose each, to expect of topics in the parts that they have at first.
   * Of tokens whose noise is normal and whose gate has no groups: as likely as affinity and noise are beyond what `topk` experts
   * are on average.
   */
  chances(layer: number): Float64Array {
    const width = this.#width;
    const chances = new Float64Array(width);
    const weights = Array.from(this.phase, (phase) => Math.exp(DRIFT_SWING * Math.sin(2 * Math.PI * phase)));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    for (let topic = 0; topic < TOPICS; topic++) {
      const base = (topic * this.#layers + layer) * width;
      const affinity = Array.from(this.#aversion.subarray(base, base + width), (one) => -Math.log(one));
      const beyond = (least: number) => affinity.map((one) => normalPart(one - least));
      let [low, high] = [-2, 6];
      for (let i = 0; i < HALVINGS; i++) {
        const middle = (low + high) / 2;
        if (beyond(middle).reduce((sum, part) => sum + part, 0) > this.topk) low = middle;
        else high = middle;
      }
      beyond(low).forEach((part, expert) => {
        chances[expert] += (weights[topic] / all) * part;
      });
    }
    return chances;
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
        this.#gate.select(score, this.experts, row * this.stride + layer * this.topk);
      }
    }
    this.#made[block] = 1;
  }
}
