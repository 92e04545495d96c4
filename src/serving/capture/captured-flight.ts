import type { RoutingTrace } from "../../model/routing-trace.ts";
import { ANONYMOUS, type RequestFacts } from "../request/request-facts.ts";
import type { RequestTiming } from "../traffic/traffic-meter.ts";
import type { RequestOutcome } from "../traffic/traffic-observer.ts";
import type { Usage, UsageSearch } from "../traffic/usage-search.ts";
import type { CapturedRequest } from "./captured-request.ts";
import { RoutedSample } from "./routed-sample.ts";

/** Of an answer that is not streamed and says nothing of its tokens. */
const BYTES_PER_TOKEN = 4;

const NO_USAGE: Usage = { prompt: null, answer: null, cached: null };

/** What happens to it. */
export interface CaptureTerms {
  /** Tokens of a request at most that are kept with their experts; 0 for none. */
  readonly routedTokens: number;
  readonly text: boolean;
  /** In ms, as the meter's. */
  readonly now: () => number;
  /** @param request once it is over */
  readonly done: (request: CapturedRequest) => void;
}

/** What is recorded of one request under way: references to what is there, until its end. */
export class CapturedFlight {
  readonly #facts: Pick<
    RequestFacts,
    "tenant" | "priority" | "session" | "inputTokens" | "maxTokens" | "prefix"
  >;
  readonly #route: string;
  readonly #model: string;
  readonly #body: Uint8Array | null;
  readonly #terms: CaptureTerms;
  #routed: RoutedSample | null = null;

  constructor(facts: RequestFacts, route: string, model: string, terms: CaptureTerms) {
    const { tenant, priority, session, inputTokens, maxTokens, prefix, body } = facts;
    // Without the body, whose memory is given back before the end.
    this.#facts = { tenant, priority, session, inputTokens, maxTokens, prefix };
    this.#body = terms.text && body !== null ? new Uint8Array(body) : null;
    this.#route = route;
    this.#model = model;
    this.#terms = terms;
  }

  routed(routing: RoutingTrace): void {
    const { routedTokens } = this.#terms;
    if (routedTokens > 0) (this.#routed ??= new RoutedSample(routedTokens)).add(routing);
  }

  /** The request is over; called once. @param answer what passed of it; null where nothing did */
  end(
    outcome: RequestOutcome,
    { arrivalMs, firstFrameMs, frames }: RequestTiming,
    answer: UsageSearch | null,
  ): void {
    const { inputTokens, tenant, ...facts } = this.#facts;
    const usage = answer?.found() ?? NO_USAGE;
    const output = usage.answer ?? this.#estimate(outcome, frames, answer);
    this.#terms.done({
      ...facts,
      tenant: tenant === ANONYMOUS ? null : tenant,
      arrivalMs,
      firstFrameMs: firstFrameMs === null ? null : firstFrameMs - arrivalMs,
      durationMs: this.#terms.now() - arrivalMs,
      outcome,
      route: this.#route,
      model: this.#model,
      inputTokens: { tokens: usage.prompt ?? inputTokens, estimated: usage.prompt === null },
      outputTokens: { tokens: output, estimated: usage.answer === null && output > 0 },
      cachedTokens: usage.cached,
      routed: this.#routed?.trace ?? null,
      body: this.#body,
    });
  }

  /** About as many tokens as came: a frame of a stream has one; what is no good answer has none. */
  #estimate(outcome: RequestOutcome, frames: number, answer: UsageSearch | null): number {
    const most = this.#facts.maxTokens ?? Number.POSITIVE_INFINITY;
    if (frames > 0) return Math.min(most, frames - Number(answer?.isDone ?? false));
    return outcome === "ok" ? Math.min(most, Math.ceil((answer?.bytes ?? 0) / BYTES_PER_TOKEN)) : 0;
  }
}
