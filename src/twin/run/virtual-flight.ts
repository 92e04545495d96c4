import type { TraceRequest } from "../../model/traffic.ts";
import type { RoutingSpan } from "../routing-source.ts";
import type { RequestOutcome, RequestRecord } from "./run-log.ts";

/**
 * How far a request of a virtual run is.
 *
 *     waiting → prompt → (travelling →) decoding → over
 *
 * It waits for admission and for a rank; its prompt is computed; where decoding is apart, its cache travels there; it
 * decodes; it is over, once, completed, refused or failed. A rank that is lost sends it back to waiting as long as its
 * client has no token, and ends it else.
 */
export type FlightStage = "waiting" | "prompt" | "travelling" | "decoding" | "over";

/** A request in a virtual run. */
export class VirtualFlight {
  stage: FlightStage = "waiting";
  readonly id: number;
  readonly request: TraceRequest;
  readonly routing: RoutingSpan;
  /** Of the attempt under way: ranks know it by that. */
  attempt = -1;
  attempts = 0;
  readonly tried: number[] = [];
  /** Pools and ranks of the last attempt. */
  prompt: Place | null = null;
  decoding: Place | null = null;
  cachedTokens = 0;
  startedMs = Number.NaN;
  firstMs = Number.NaN;
  lastMs = Number.NaN;
  preemptions = 0;
  /** Calls off the arrival of its cache. */
  callOff: (() => void) | null = null;

  constructor(id: number, request: TraceRequest, routing: RoutingSpan) {
    this.id = id;
    this.request = request;
    this.routing = routing;
  }

  get answered(): boolean {
    return !Number.isNaN(this.firstMs);
  }

  record(outcome: RequestOutcome, reason: string | null, endMs: number): RequestRecord {
    const { arrivalMs, inputTokens, outputTokens } = this.request;
    return {
      id: this.id,
      outcome,
      reason,
      arrivalMs,
      inputTokens,
      outputTokens,
      cachedTokens: this.cachedTokens,
      pool: this.prompt?.pool ?? null,
      rank: this.prompt?.rank ?? null,
      decodePool: this.decoding?.pool ?? null,
      decodeRank: this.decoding?.rank ?? null,
      startedMs: known(this.startedMs),
      firstTokenMs: known(this.firstMs),
      endMs,
      preemptions: this.preemptions,
    };
  }
}

interface Place {
  readonly pool: string;
  readonly rank: number;
}

function known(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms;
}
