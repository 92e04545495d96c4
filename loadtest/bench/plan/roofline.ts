import type { Constants } from "../../../src/twin/calibration/constants.ts";

const MEMORY = 0.7;
const FLOPS = 0.33;
const LAYER_SECONDS = 90e-6;

/**
 * What planners reckon with on the back of an envelope: 70 % of memory bandwidth, 33 % of peak arithmetic, 90 µs for each
 * layer and step, links at their peak; in the same closed loop as the fitted constants.
 */
export const ROOFLINE: Constants = {
  host: 0,
  layer: LAYER_SECONDS,
  weights: MEMORY,
  experts: MEMORY,
  distinct: 1,
  cache: MEMORY,
  decodeFlops: FLOPS,
  reduceLatency: 0,
  reduceBandwidth: 1,
  exchangeLatency: 0,
  exchangeBandwidth: 1,
  prefillFlops: FLOPS,
  prefillAttention: FLOPS,
  prefillLayer: LAYER_SECONDS,
  interference: 1,
  lockstep: 0,
  tpot: 1,
  first: 0,
  own: 1,
  wait: 1,
  burst: 0,
  admission: 0,
  ttft: 1,
  room: 1,
};
