import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import { hashText } from "../../routing/block-hashes.ts";
import type { EngineRequest } from "../engine.ts";
import { generates } from "../request/api-routes.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import { CapturedFlight, type CaptureTerms } from "./captured-flight.ts";
import type { CaptureSink } from "./captured-request.ts";

const HASHES = 2 ** 32;

/** What is recorded. */
export interface CaptureSettings {
  /** Of all conversations such a part, 0 to 1. */
  readonly sample: number;
  /** Tokens of a request at most that are kept with their experts; 0 for none. */
  readonly routedTokens: number;
  /** Whether requests' bodies are kept. */
  readonly text: boolean;
}

/**
 * Records live requests. While it is off a request costs one look; while it is on, what was read for routing is kept, and
 * chunks of answers are passed over until the last ones. What becomes of it is the sink's work.
 */
export class Capture {
  readonly #clock: Clock;
  readonly #rng: Rng;
  #terms: CaptureTerms | null = null;
  #sample = 0;

  constructor(clock: Clock, rng: Rng) {
    this.#clock = clock;
    this.#rng = rng;
  }

  /** @param sink null to record nothing from now on; what has begun goes where it was to go when it began */
  update(settings: CaptureSettings, sink: CaptureSink | null): void {
    const { sample, routedTokens, text } = settings;
    this.#sample = sample;
    this.#terms =
      sink === null
        ? null
        : { routedTokens, text, now: () => this.#clock.now(), done: (request) => sink.offer(request) };
  }

  /** @returns null for a request that is not recorded: one that generates nothing, or is not in the sample */
  begin(facts: RequestFacts, request: EngineRequest, model: string): CapturedFlight | null {
    const terms = this.#terms;
    if (terms === null || !generates(request) || !this.#takes(facts.session)) return null;
    return new CapturedFlight(facts, routeOf(request), model, terms);
  }

  /** Of a conversation all requests, in every gateway. */
  #takes(session: string | null): boolean {
    if (this.#sample >= 1) return true;
    const place = session === null ? this.#rng.uint32() : hashText(session);
    return place < this.#sample * HASHES;
  }
}

function routeOf({ path }: EngineRequest): string {
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
