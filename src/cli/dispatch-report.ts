import {
  type ExchangeBytes,
  lowLatencyExchangeBytes,
  normalExchangeBytes,
} from "../core/cost/exchange-bytes.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { DispatchFigures } from "../core/dispatch/dispatch-totals.ts";

/** What `dispatch --json` says of one layer, and of all together. */
export interface TimedFigures extends DispatchFigures {
  /** Over the time it took to check the ids and choose the replicas; counting and files are not in it. */
  readonly selectionsPerSecond: number;
}

/** What the all-to-all of a token moves in a layer, mean: nothing that stays on its rank or node in normal mode. */
interface BytesPerToken {
  readonly normal: { readonly rdma: ExchangeBytes; readonly nvlink: ExchangeBytes };
  /** Every selection is a message, those to the token's own rank too. */
  readonly lowLatency: ExchangeBytes;
}

/** @param chooseMs the time that the choice took */
export function timed(figures: DispatchFigures, chooseMs: number): TimedFigures {
  return { ...figures, selectionsPerSecond: figures.selections / (chooseMs / 1000) };
}

/** @param tokenLayers tokens × layers dispatched */
export function bytesPerToken(model: MoeModel, figures: TimedFigures, tokenLayers: number): BytesPerToken {
  return {
    normal: {
      rdma: normalExchangeBytes(model, figures.nodeHopsPerToken),
      nvlink: normalExchangeBytes(model, figures.hopsPerToken),
    },
    lowLatency: lowLatencyExchangeBytes(model, figures.selections / tokenLayers),
  };
}

export function sentence(out: string, figures: TimedFigures): string {
  const { nodeHopsPerToken, hopsPerToken, balancedness, activationBalancedness, activatedOnWorstGpu } =
    figures;
  const hops = `${nodeHopsPerToken.toFixed(3)} node hops and ${hopsPerToken.toFixed(3)} hops per token and layer`;
  const activated = `${activatedOnWorstGpu.toFixed(1)} experts activated on the worst GPU`;
  const balance = `balancedness ${balancedness.toFixed(4)} (activations ${activationBalancedness.toFixed(4)})`;
  const speed = `${(figures.selectionsPerSecond / 1e6).toFixed(1)} M selections/s`;
  return `${out}: ${hops}, ${balance}, ${activated}, ${speed}`;
}
