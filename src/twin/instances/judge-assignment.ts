import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";
import { decodeSteps } from "./decode-steps.ts";
import { placedFor } from "./instance-placement.ts";
import { loadOfAssignment } from "./instance-load.ts";
import { type RequestTokens, tokensOf } from "./request-tokens.ts";
import { StepCounter, type StepFigures, type StepTiming } from "./step-counter.ts";

/** What an assignment of requests to instances comes to. */
export interface AssignmentFigures extends StepFigures {
  /** Tokens of the fullest instance, in the mean's. */
  readonly maxToMeanLoad: number;
  /** The most that an instance was ahead of the mean at any time, in its share of the trace. */
  readonly mostAhead: number;
  readonly instances: readonly { readonly requests: number; readonly tokens: number }[];
}

export interface Judged {
  readonly trace: RoutingTrace;
  /** Of a layer. */
  readonly experts: number;
  readonly requests: RequestTokens;
  readonly instances: number;
  readonly batch: number;
  /** The GPUs of one instance. */
  readonly topology: Topology;
  readonly timing: StepTiming | null;
}

/**
 * Decodes every instance's answers.
 * @param instanceOf `[requests]`
 * @param placed whether each instance has its experts placed for the prompts that it gets, or in the order of their numbers
 */
export function judgeAssignment(judged: Judged, instanceOf: Int32Array, placed = false): AssignmentFigures {
  const { trace, requests, instances, batch, topology, timing } = judged;
  const queues = Array.from({ length: instances }, (): number[] => []);
  for (const request of requests.arrivals) queues[instanceOf[request]].push(request);
  const counter = new StepCounter(trace, topology, timing);
  for (const queue of queues) {
    const slotOf = placed ? placedFor(judged, queue) : null;
    decodeSteps(requests, queue, batch, (rows) => counter.add(rows, slotOf));
  }
  const load = loadOfAssignment(requests, instanceOf, instances);
  return {
    ...counter.figures(),
    maxToMeanLoad: load.maxToMean,
    mostAhead: load.mostAhead,
    instances: queues.map((queue) => ({
      requests: queue.length,
      tokens: queue.reduce((sum, request) => sum + tokensOf(requests, request), 0),
    })),
  };
}
