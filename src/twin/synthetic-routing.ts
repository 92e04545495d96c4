import { Rng } from "../lib/rng.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { hashText } from "../routing/block-hashes.ts";
import type { RoutingSource, RoutingSpan } from "./routing-source.ts";
import { DRIFT_SWING, SyntheticRows, TOPICS, TOPIC_ROWS } from "./synthetic-rows.ts";

/** Requests after which the mix of topics has come round. */
const DRIFT_REQUESTS = 3000;
/** Of the requests after a shift: so many turn to one topic. A placement from before it levels them to 0.85 to 0.88. */
const SURGE_PART = 0.8;

/** Requests of several topics, whose mix drifts as they arrive: which experts are hot drifts with it. */
export class SyntheticRouting implements RoutingSource {
  readonly experts: Int16Array;
  readonly rowStride: number;
  readonly topk: number;
  readonly #bank: SyntheticRows;
  readonly #arrivals: Rng;
  readonly #weight = new Float64Array(TOPICS);
  #requests = 0;
  #shifts = 0;
  /** The topic that the last shift turned to; -1 before the first. */
  #surge = -1;

  /** @param rows of the same model and seed; made anew unless given */
  constructor(model: MoeModel, seed: number, rows = new SyntheticRows(model, seed)) {
    this.#bank = rows;
    this.experts = rows.experts;
    this.rowStride = rows.stride;
    this.topk = rows.topk;
    this.#arrivals = new Rng(seed, 1);
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
    const bank = this.#bank;
    let within = (span.offset + position) % span.length;
    for (let i = 0; i < count; i++) {
      const row = span.base + within;
      bank.make(row);
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
    this.#bank.makeAll();
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
      const swing = Math.sin(2 * Math.PI * (turn + this.#bank.phase[d]));
      sum += this.#weight[d] = Math.exp(DRIFT_SWING * swing);
    }
    return sum;
  }
}
