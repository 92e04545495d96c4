import { MOST_BETWEEN_LAYERS } from "./implausible-report.ts";
import type { HeldExperts } from "./held-experts.ts";
import { median } from "./median.ts";
import type { RankSum } from "./rank-sums.ts";
import type { UsualLoad } from "./usual-load.ts";

/** Of the load, experts that are known usually have so much at least: fewer say too little of the others. */
const LEAST_KNOWN = 0.25;

/** What the ranks of a pool have received in about the same time. */
export interface ReceivedWindow {
  /** As long as most ranks have reported. */
  readonly spanMs: number;
  /** `[layers][experts]` */
  readonly tokens: Float64Array;
  /** Ranks that hold experts and have not reported. */
  readonly missing: readonly number[];
  /** Ranks whose counts cannot be true beside those of others, and are not used. */
  readonly implausible: readonly number[];
  /** Layers that counts are missing of, without a rank that they can be traced to: nothing of theirs is used. */
  readonly implausibleLayers: readonly number[];
}

/**
 * Sums what ranks have received to the pool's load. Every layer routes the same tokens, so the layers' sums over the pool
 * may differ by what was under way. A layer with more is one in which a rank counts too many: the one with the most is
 * not believed. A layer with less is not believed itself. An expert counts as it was received where all ranks that
 * may have received its tokens are believed. Of the others too little is known: each gets the part of its layer's
 * tokens that it usually has, or what was counted of it where that is more. So who is missing changes nothing of whether
 * its experts are hot or cold. Ranks that report different spans are taken at their rates.
 * @returns null where the experts that are known usually have less than a quarter of the load
 */
export function receivedWindow(
  sums: ReadonlyMap<number, RankSum>,
  held: HeldExperts,
  usual: UsualLoad,
  [layers, experts]: readonly [number, number],
): ReceivedWindow | null {
  const holders = held.ranks;
  const missing = [...holders].filter((rank) => !sums.has(rank)).toSorted((a, b) => a - b);
  const spanMs = median([...sums.values()].map((sum) => sum.spanMs));
  const implausible: number[] = [];
  for (;;) {
    const believed = new Map([...sums].filter(([rank]) => !implausible.includes(rank)));
    const tokens = summed(believed.values(), spanMs, layers * experts);
    const known = held.known((rank) => believed.has(rank));
    const judged = layerLevels(tokens, known, usual, layers, experts);
    const over = judged.findIndex((level) => level > MOST_BETWEEN_LAYERS);
    if (over >= 0) {
      implausible.push(mostIn(over, believed, experts));
      continue;
    }
    const implausibleLayers = [...judged.keys()].filter((layer) => judged[layer] < 1 / MOST_BETWEEN_LAYERS);
    for (const layer of implausibleLayers) {
      known.fill(0, layer * experts, (layer + 1) * experts);
      tokens.fill(0, layer * experts, (layer + 1) * experts);
    }
    const whole = complete(tokens, known, usual, experts);
    implausible.sort((a, b) => a - b);
    return whole ? { spanMs, tokens, missing, implausible, implausibleLayers } : null;
  }
}

function summed(sums: Iterable<RankSum>, spanMs: number, size: number): Float64Array {
  const tokens = new Float64Array(size);
  for (const sum of sums) {
    const scale = spanMs / sum.spanMs;
    for (const [cell, count] of sum.tokens) tokens[cell] += count * scale;
  }
  return tokens;
}

/**
 * `[layers]`: how many tokens each layer has routed, going by the experts that are known, beside the layers' median.
 * NaN where it cannot be judged: nothing was counted, or too little is known of what is not.
 */
function layerLevels(
  tokens: Float64Array,
  known: Uint8Array,
  usual: UsualLoad,
  layers: number,
  experts: number,
): Float64Array {
  const levels = new Float64Array(layers);
  for (let layer = 0; layer < layers; layer++) {
    let count = 0;
    let part = 0;
    let all = true;
    for (let cell = layer * experts; cell < (layer + 1) * experts; cell++) {
      if (known[cell] === 0) all = false;
      else {
        count += tokens[cell];
        part += usual.part(cell);
      }
    }
    const judged = count > 0 && (all || (usual.knows(layer) && part >= LEAST_KNOWN));
    if (!judged) levels[layer] = Number.NaN;
    else levels[layer] = all ? count : count / part;
  }
  const usualLevel = median(levels.filter((level) => !Number.isNaN(level)));
  return levels.map((level) => level / usualLevel);
}

/** The rank that counts the most tokens in a layer, for its span. */
function mostIn(layer: number, sums: ReadonlyMap<number, RankSum>, experts: number): number {
  let most = -1;
  let found = -1;
  for (const [rank, { spanMs, tokens }] of sums) {
    let sum = 0;
    for (const [cell, count] of tokens) if (Math.floor(cell / experts) === layer) sum += count;
    if (sum / spanMs <= most) continue;
    most = sum / spanMs;
    found = rank;
  }
  return found;
}

/**
 * Gives the experts that are not known what they usually have. A layer in which nothing was ever counted stays idle.
 * @returns whether enough is known
 */
function complete(tokens: Float64Array, known: Uint8Array, usual: UsualLoad, experts: number): boolean {
  const layers = tokens.length / experts;
  const used = new Uint8Array(layers);
  for (let layer = 0; layer < layers; layer++) {
    const row = tokens.subarray(layer * experts, (layer + 1) * experts);
    used[layer] = Number(usual.knows(layer) || row.some((count) => count > 0));
  }
  let count = 0;
  let part = 0;
  for (let cell = 0; cell < tokens.length; cell++) {
    if (known[cell] === 0 || used[Math.floor(cell / experts)] === 0) continue;
    count += tokens[cell];
    part += usual.part(cell);
  }
  const layersUsed = used.reduce((sum, one) => sum + one, 0);
  if (part < LEAST_KNOWN * layersUsed) return false;
  const routed = count / part;
  for (let cell = 0; cell < tokens.length; cell++) {
    if (known[cell] === 1 || used[Math.floor(cell / experts)] === 0) continue;
    tokens[cell] = Math.max(tokens[cell], routed * usual.part(cell));
  }
  return true;
}
