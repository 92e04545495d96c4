import type { Hardware } from "../../core/cost/hardware.ts";

/**
 * The part of a link between nodes that is left to the exchange while expert weights travel over it: two flows at one
 * link have half of it each, once congestion control has settled (DCQCN, SIGCOMM'15, §5: flows converge to equal rates).
 */
const EXCHANGE_PART = 1 / 2;

/** A machine while expert weights travel between its nodes. What a low-latency exchange takes at least stays as it is. */
export function whileTransferring(hardware: Hardware): Hardware {
  const { lowLatencyFloorUs: floor } = hardware;
  const slower = (least: number, us: number) => least + (us - least) / EXCHANGE_PART;
  return {
    ...hardware,
    rdmaBandwidth: hardware.rdmaBandwidth * EXCHANGE_PART,
    lowLatency: hardware.lowLatency.map(({ ranks, dispatchUs, combineUs }) => ({
      ranks,
      dispatchUs: slower(floor.dispatch, dispatchUs),
      combineUs: slower(floor.combine, combineUs),
    })),
  };
}
