import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { RequestOutcome } from "../traffic/traffic-observer.ts";

/** One request that is over, as the gateway knows it: nothing in it is hidden yet. */
export interface CapturedRequest {
  /** In ms of the process's clock. */
  readonly arrivalMs: number;
  /** Arrival to the first frame with content; null for an answer that was not streamed, or had none. */
  readonly firstFrameMs: number | null;
  readonly durationMs: number;
  readonly outcome: RequestOutcome;
  /** What was asked for, e.g. `/v1/chat/completions`, without its query. */
  readonly route: string;
  readonly model: string;
  /** Null where nobody says. */
  readonly tenant: string | null;
  /** The conversation; null where nobody names it. */
  readonly session: string | null;
  readonly priority: number;
  readonly inputTokens: CountedTokens;
  /** What came: less than was asked for where it broke off. */
  readonly outputTokens: CountedTokens;
  /** Tokens of the prompt that the engine had in its cache; null where it does not say. */
  readonly cachedTokens: number | null;
  /** The most tokens that it might have generated; null where it set no limit. */
  readonly maxTokens: number | null;
  /** As in RoutableRequest. */
  readonly prefix: Uint32Array;
  /** Some of its tokens, evenly spread, with the experts they went to; null where the answer named none. */
  readonly routed: RoutingTrace | null;
  /** The request's own body, where text is recorded. */
  readonly body: Uint8Array | null;
}

/** Tokens as the engine counted them, or as they are estimated. */
export interface CountedTokens {
  readonly tokens: number;
  readonly estimated: boolean;
}

/** Where captured requests go. It neither waits nor throws. */
export interface CaptureSink {
  offer(request: CapturedRequest): void;
}
