import { Rng } from "../src/lib/rng.ts";
import { type ExpertLoad, emptyLoad } from "../src/model/load.ts";

const LAYERS = 2;
const EXPERTS = 32;
const TOPICS = 6;
const REQUESTS = 20;
const TOKENS = 60;

/**
 * Windows of a load as requests make it: each is of one topic, drawn by the window's mix (`[topics]` weights), and
 * its tokens choose among the topic's experts. So counts scatter more than Poisson's, and experts move together.
 */
export class TopicWindows {
  readonly layers = LAYERS;
  readonly experts = EXPERTS;
  readonly topics = TOPICS;
  readonly #rng: Rng;
  /** `[topics][layers][experts]`: cumulative probabilities. */
  readonly #chances: readonly (readonly Float64Array[])[];

  constructor(seed: number) {
    this.#rng = new Rng(seed);
    this.#chances = Array.from({ length: TOPICS }, () =>
      Array.from({ length: LAYERS }, () => cumulative(EXPERTS, () => Math.exp(this.#rng.normal()))),
    );
  }

  next(mix: readonly number[]): ExpertLoad {
    const load = emptyLoad(LAYERS, EXPERTS);
    const topics = cumulative(TOPICS, (topic) => mix[topic]);
    for (let request = 0; request < REQUESTS; request++) {
      const chances = this.#chances[this.#draw(topics)];
      for (let token = 0; token < TOKENS; token++) {
        for (let layer = 0; layer < LAYERS; layer++) {
          load.tokens[layer * EXPERTS + this.#draw(chances[layer])]++;
        }
      }
    }
    return load;
  }

  /** `[layers][experts]`: the parts of a window's tokens that come to each expert on average. */
  expected(mix: readonly number[]): Float64Array {
    const weight = mix.reduce((sum, value) => sum + value, 0);
    const parts = new Float64Array(LAYERS * EXPERTS);
    for (let topic = 0; topic < TOPICS; topic++) {
      for (let i = 0; i < parts.length; i++) {
        const chances = this.#chances[topic][Math.floor(i / EXPERTS)];
        const chance = chances[i % EXPERTS] - (i % EXPERTS === 0 ? 0 : chances[(i % EXPERTS) - 1]);
        parts[i] += ((mix[topic] / weight) * chance) / LAYERS;
      }
    }
    return parts;
  }

  #draw(chances: Float64Array): number {
    const at = this.#rng.uniform();
    let drawn = 0;
    while (at >= chances[drawn]) drawn++;
    return drawn;
  }
}

function cumulative(length: number, weight: (index: number) => number): Float64Array {
  let sum = 0;
  const sums = Float64Array.from({ length }, (_, i) => (sum += weight(i)));
  return sums.map((value) => value / sum);
}
