import { overPart } from "../core/cost/exchange-table.ts";
import type { Hardware } from "../core/cost/hardware.ts";

/** What there may be more of. */
export type HardwarePart = "reading weights" | "reading caches" | "compute" | "network" | "memory";

/** Hardware with twice of something: what is fixed stays. */
export function twiceOf(hardware: Hardware, part: HardwarePart): Hardware {
  switch (part) {
    case "reading weights": {
      const { weightBandwidth, head } = hardware;
      return {
        ...hardware,
        weightBandwidth: 2 * weightBandwidth,
        head: { ...head, bandwidth: 2 * head.bandwidth },
      };
    }
    case "reading caches":
      return { ...hardware, kvBandwidth: 2 * hardware.kvBandwidth };
    case "compute": {
      const { projectionFlops, expertFlops, attentionFlops, head } = hardware;
      return {
        ...hardware,
        projectionFlops: 2 * projectionFlops,
        expertFlops: 2 * expertFlops,
        attentionFlops: 2 * attentionFlops,
        head: { ...head, flops: 2 * head.flops },
      };
    }
    case "network":
      return withNetwork(hardware);
    case "memory":
      return { ...hardware, memoryBytes: 2 * hardware.memoryBytes };
  }
}

function withNetwork(hardware: Hardware): Hardware {
  const { reduce, lowLatency, lowLatencyFloorUs, exchangeTable } = hardware;
  const half = (us: number, floor: number) => floor + Math.max(0, us - floor) / 2;
  return {
    ...hardware,
    nvlinkBandwidth: 2 * hardware.nvlinkBandwidth,
    rdmaBandwidth: 2 * hardware.rdmaBandwidth,
    reduce: { ...reduce, bandwidth: 2 * reduce.bandwidth, betweenNodes: 2 * reduce.betweenNodes },
    lowLatency: lowLatency.map(({ ranks, dispatchUs, combineUs }) => ({
      ranks,
      dispatchUs: half(dispatchUs, lowLatencyFloorUs.dispatch),
      combineUs: half(combineUs, lowLatencyFloorUs.combine),
    })),
    exchangeTable: exchangeTable === null ? null : overPart(exchangeTable, 2),
  };
}
