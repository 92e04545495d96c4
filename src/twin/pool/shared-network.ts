import { overPart } from "../../core/cost/exchange-table.ts";
import type { Hardware } from "../../core/cost/hardware.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { TRANSFER_PART } from "../../core/migration/transfer-part.ts";

const EXCHANGE_PART = 1 - TRANSFER_PART;

/**
 * A machine while expert weights travel between its nodes; as ever where tokens stay within one of them, or one NVLink
 * domain. What a low-latency exchange takes at least stays as it is.
 */
export function whileTransferring(hardware: Hardware, topology: Topology): Hardware {
  if (topology.nodes === 1 || gpuCount(topology) <= hardware.domainGpus) return hardware;
  const { lowLatencyFloorUs: floor, exchangeTable } = hardware;
  const slower = (least: number, us: number) => least + (us - least) / EXCHANGE_PART;
  return {
    ...hardware,
    rdmaBandwidth: hardware.rdmaBandwidth * EXCHANGE_PART,
    reduce: { ...hardware.reduce, betweenNodes: hardware.reduce.betweenNodes * EXCHANGE_PART },
    exchangeTable: exchangeTable === null ? null : overPart(exchangeTable, EXCHANGE_PART),
    lowLatency: hardware.lowLatency.map(({ ranks, dispatchUs, combineUs }) => ({
      ranks,
      dispatchUs: slower(floor.dispatch, dispatchUs),
      combineUs: slower(floor.combine, combineUs),
    })),
  };
}
