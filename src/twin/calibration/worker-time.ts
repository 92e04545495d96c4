import type { Gpu } from "../../model/gpu.ts";
import type { Constants } from "./constants.ts";
import type { ModelSizes } from "./model-sizes.ts";
import type { ServingPrecision } from "../../model/serving-precision.ts";
import type { Parallelism } from "./serving-point.ts";

const FLOPS_PER_WEIGHT = 2;
const BF16 = 2;

/** How long one engine takes, in seconds. */
export class WorkerTime {
  readonly sizes: ModelSizes;
  readonly gpu: Gpu;
  readonly shape: Parallelism;
  readonly #c: Constants;
  readonly #gpus: number;
  readonly #expertFlops: number;
  readonly #restFlops: number;
  readonly #link: number;

  constructor(
    sizes: ModelSizes,
    gpu: Gpu,
    precision: ServingPrecision,
    shape: Parallelism,
    constants: Constants,
  ) {
    this.sizes = sizes;
    this.gpu = gpu;
    this.shape = shape;
    this.#c = constants;
    this.#gpus = shape.tp * shape.dp;
    const { bf16, fp8, fp4 } = gpu.flops;
    this.#expertFlops = precision === "fp8" ? fp8 : precision === "fp4" ? (fp4 ?? bf16) : bf16;
    this.#restFlops = precision === "fp8" ? fp8 : bf16;
    this.#link = this.#gpus <= gpu.scaleUp.gpus ? gpu.scaleUp.bandwidth : gpu.scaleOut.bandwidth;
  }

  /** One decoding step. @param batch sequences of each rank @param context tokens of each, on average */
  decode(batch: number, context: number): number {
    const { sizes, gpu, shape } = this;
    const c = this.#c;
    const { tp } = shape;
    const memory = gpu.memoryBandwidth;
    const rest = (sizes.attention + sizes.dense) / tp;
    const weights = both(
      (rest * sizes.restBytes) / (memory * c.weights),
      (FLOPS_PER_WEIGHT * rest * batch) / (this.#restFlops * c.decodeFlops),
    );
    const head = both(
      (sizes.head * BF16) / tp / (memory * c.weights),
      (FLOPS_PER_WEIGHT * sizes.head * batch) / tp / (gpu.flops.bf16 * c.decodeFlops),
    );
    return (
      c.host +
      sizes.layers * c.layer +
      weights +
      head +
      this.#experts(batch * shape.dp, c.decodeFlops) +
      this.#caches(batch, context) +
      this.#network(batch)
    );
  }

  /** Tokens through the experts. @param tokens of all ranks */
  #experts(tokens: number, efficiency: number): number {
    const { sizes, gpu } = this;
    const { ep, moeTp } = this.shape;
    const c = this.#c;
    const { experts, topk, expert, expertBytes, moeLayers } = sizes;
    const hit = 1 - (1 - topk / experts) ** Math.max(1, tokens * c.distinct);
    const active = mostHit(experts / ep, hit, ep);
    return both(
      (moeLayers * active * expert * expertBytes) / moeTp / (gpu.memoryBandwidth * c.experts),
      (moeLayers * FLOPS_PER_WEIGHT * expert * topk * tokens) /
        (ep * moeTp) /
        (this.#expertFlops * efficiency),
    );
  }

  #caches(batch: number, context: number): number {
    const { sizes, gpu, shape } = this;
    const c = this.#c;
    let seconds = 0;
    for (const kind of sizes.kinds) {
      const parts = Math.min(shape.tp, kind.shards);
      const seen = Math.min(context, kind.reach);
      const bytes = (seen * kind.kvBytes + context * kind.indexBytes + kind.stateBytes) / parts;
      const products =
        (seen * kind.decodeProducts + context * kind.indexProducts + kind.tokenProducts) / shape.tp;
      seconds +=
        kind.layers *
        batch *
        both(
          bytes / (gpu.memoryBandwidth * c.cache),
          (FLOPS_PER_WEIGHT * products) / (gpu.flops.bf16 * c.prefillAttention),
        );
    }
    return seconds;
  }

  /** All-reduces of the attention's groups, and exchanges between ranks with tokens of their own. */
  #network(tokens: number): number {
    const { sizes, shape } = this;
    const c = this.#c;
    const { tp, dp } = shape;
    let seconds = 0;
    if (tp > 1) {
      const reduces = sizes.layers + (dp > 1 ? 0 : sizes.layers);
      const bytes = (2 * (tp - 1) * tokens * sizes.hidden * BF16) / tp;
      seconds += reduces * (c.reduceLatency * Math.log2(tp) + bytes / (this.#link * c.reduceBandwidth));
    }
    if (dp > 1) {
      const away = (this.#gpus - 1) / this.#gpus;
      const copies = shape.ep > 1 ? Math.min(sizes.topk, shape.ep) : 1;
      // Out in a byte a value, back in two.
      const bytes = tokens * sizes.expertHidden * copies * away * 3;
      seconds +=
        sizes.moeLayers *
        (2 * c.exchangeLatency * Math.log2(this.#gpus) + bytes / (this.#link * c.exchangeBandwidth));
    }
    return seconds;
  }

  /**
   * Prompts computed by each rank.
   * @param tokens  of each rank
   * @param prompt  tokens of each prompt
   * @param others  ranks that compute as many meanwhile, this one among them
   * @param chunks  steps that they take
   */
  prefill(tokens: number, prompt: number, others: number, chunks: number): number {
    const { sizes, gpu, shape } = this;
    const c = this.#c;
    const { tp } = shape;
    const rest = (sizes.attention + sizes.dense) / tp;
    const weights = both(
      (chunks * rest * sizes.restBytes) / (gpu.memoryBandwidth * c.weights),
      (FLOPS_PER_WEIGHT * rest * tokens) / (this.#restFlops * c.prefillFlops),
    );
    let attention = 0;
    for (const kind of sizes.kinds) {
      const seen = meanSeen(prompt, kind.reach);
      const products = seen * kind.prefillProducts + (prompt / 2) * kind.indexProducts + kind.tokenProducts;
      attention +=
        (kind.layers * FLOPS_PER_WEIGHT * tokens * products) / tp / (gpu.flops.bf16 * c.prefillAttention);
    }
    const experts = chunks * this.#experts((tokens * others) / chunks, c.prefillFlops);
    return (
      chunks * sizes.layers * c.prefillLayer +
      weights +
      attention +
      experts +
      chunks * this.#network(tokens / chunks)
    );
  }

  /** Sequences of a rank that its memory has room for. @param held tokens of a sequence */
  room(held: number): number {
    const { sizes, gpu, shape } = this;
    const rest =
      ((sizes.attention + sizes.dense) * sizes.restBytes) / shape.tp + (2 * sizes.head * BF16) / shape.tp;
    const experts =
      (sizes.moeLayers * sizes.experts * sizes.expert * sizes.expertBytes) / (shape.ep * shape.moeTp);
    const free = 0.9 * gpu.memoryBytes - rest - experts;
    let bytes = 0;
    for (const { kind, layers, kvBytes, indexBytes, stateBytes, shards, reach } of sizes.kinds) {
      const kept = kind === "gqa" ? Math.min(held, reach) : held;
      bytes += (layers * (kept * kvBytes + held * indexBytes + stateBytes / 2)) / Math.min(shape.tp, shards);
    }
    return Math.max(1, (Math.max(free, 0.02 * gpu.memoryBytes) * this.#c.room) / bytes);
  }
}

/** Largest of 1, 2, 4 … 64 standard normal variates, on average. */
const LARGEST_OF = [0, 0.564, 1.029, 1.424, 1.766, 2.07, 2.344];

/**
 * Experts that the rank reads which has most of them to read: each of its `experts` is hit by itself, as likely as `hit`.
 */
function mostHit(experts: number, hit: number, ranks: number): number {
  const doublings = Math.min(LARGEST_OF.length - 1, Math.round(Math.log2(ranks)));
  return Math.min(experts, experts * hit + LARGEST_OF[doublings] * Math.sqrt(experts * hit * (1 - hit)));
}

/** Reading and multiplying overlap, but not quite. */
function both(reading: number, multiplying: number): number {
  return Math.sqrt(reading * reading + multiplying * multiplying);
}

/** Tokens that a prompt's tokens see on average. */
function meanSeen(prompt: number, reach: number): number {
  if (prompt <= reach) return prompt / 2;
  return (reach * reach) / 2 / prompt + (reach * (prompt - reach)) / prompt;
}
