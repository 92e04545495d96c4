/** One way to have a layer: what it takes and what it makes of the fullest GPU. */
export interface Option {
  readonly moves: number;
  readonly max: number;
}

/** What moves are spent for. */
export interface Spending {
  /** Over all layers. */
  readonly mostMoves: number;
  /** The sum of the layers' maxima to stop at. */
  readonly goal: number;
  /** Lowering a layer's maximum by less than this part of it is not worth a move. */
  readonly leastGain: number;
}

/**
 * Chooses an option of each layer so that the sum of the maxima falls most for the moves: step by step along the lower
 * hull of each layer's options, the steepest step of any layer first. What is left is spent on the best single option that
 * it can pay.
 * @param options of each layer, at least one of which takes no moves; the first of those with the same figures is chosen
 * @returns `[layers]`: the number of the option
 */
export function spendMoves(options: readonly (readonly Option[])[], spending: Spending): Int32Array {
  const { mostMoves, goal, leastGain } = spending;
  const chosen = Int32Array.from(options, freeOption);
  let left = mostMoves;
  let sum = options.reduce((total, own, layer) => total + own[chosen[layer]].max, 0);
  const take = (layer: number, option: number) => {
    const [from, to] = [options[layer][chosen[layer]], options[layer][option]];
    left -= to.moves - from.moves;
    sum -= from.max - to.max;
    chosen[layer] = option;
  };
  const steps = options.flatMap((own, layer) => stepsOf(own, chosen[layer], layer, leastGain));
  // Along one layer's hull steps are ever less steep, so that they come in their order.
  steps.sort((a, b) => b.gain - a.gain || a.layer - b.layer || a.from - b.from);
  for (const { layer, from, to } of steps) {
    if (sum <= goal) return chosen;
    if (chosen[layer] === from && options[layer][to].moves - options[layer][from].moves <= left)
      take(layer, to);
  }
  for (;;) {
    const best = sum <= goal ? null : bestPayable(options, chosen, left, leastGain);
    if (best === null) return chosen;
    take(best.layer, best.to);
  }
}

interface Step {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
  /** Of the maximum, for each move. */
  readonly gain: number;
}

/** The lowest option of those without a move. */
function freeOption(own: readonly Option[]): number {
  let best = -1;
  for (const [i, { moves, max }] of own.entries()) {
    if (moves <= 0 && (best < 0 || max < own[best].max)) best = i;
  }
  return best;
}

/** From one corner of the lower hull to the next. */
function stepsOf(own: readonly Option[], first: number, layer: number, leastGain: number): Step[] {
  const steps: Step[] = [];
  for (let from = first; ; ) {
    const step = steepest(own, from, layer, Number.POSITIVE_INFINITY, leastGain);
    if (step === null) return steps;
    steps.push(step);
    from = step.to;
  }
}

function steepest(
  own: readonly Option[],
  from: number,
  layer: number,
  mostMoves: number,
  leastGain: number,
): Step | null {
  let best: Step | null = null;
  for (const [to, { moves, max }] of own.entries()) {
    const more = moves - own[from].moves;
    const less = own[from].max - max;
    if (more <= 0 || more > mostMoves || less <= leastGain * own[from].max * more) continue;
    const gain = less / more;
    if (best === null || gain > best.gain) best = { layer, from, to, gain };
  }
  return best;
}

function bestPayable(
  options: readonly (readonly Option[])[],
  chosen: Int32Array,
  left: number,
  leastGain: number,
): Step | null {
  let best: Step | null = null;
  for (const [layer, own] of options.entries()) {
    const step = steepest(own, chosen[layer], layer, left, leastGain);
    if (step !== null && (best === null || step.gain > best.gain)) best = step;
  }
  return best;
}
