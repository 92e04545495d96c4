/** What each figure is, and its unit; for those who point at it. */
export const DEFINITIONS = {
  tokens:
    "Tokens forwarded per second, prompt and answer; each counts once, whatever the number of layers. Step: the mean time of a forward pass, ms.",
  inFlight:
    "Requests in this gateway now, and how many began in the last second; failed: since its start, those that failed or were refused. Over the hour: those of this pool that ended, in all gateways.",
  requests:
    "Requests of this pool that ended, per second, in all gateways; failed: of these, those that failed or were refused.",
  ttft: "From a request's arrival at the gateway to its first content, ms: median, 95th and 99th percentile. Now: of this gateway's last ten seconds; over the hour: of this pool's requests in all gateways, within 26 %.",
  itl: "Between pieces of an answer, ms: median, 95th and 99th percentile. Now: of this gateway's last ten seconds; over the hour: of this pool's requests in all gateways, within 26 %.",
  balancedness:
    "Mean over maximum GPU load, summed over steps and layers: 1 when all GPUs are level. Now: of the last ten seconds. Steps take as many times as long as with an even split.",
  hops: "Other nodes (on one node: other GPUs) that a token is sent to, per layer. Now: of the last ten seconds.",
  room: "How much longer than now a step may take until it is at the load line (control.loadLine), in percent of now.",
  moved: "Slots whose expert was replaced, in all decisions that are kept (the last hundred).",
  queue:
    "Requests that ranks are working on, on average, and the most that waited; KV cache: of the fullest rank, the most.",
} as const;
