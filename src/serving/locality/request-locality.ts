import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { ExpertSignature } from "../../routing/locality/locality-router.ts";
import type { LocalityQuestion } from "../../routing/locality/locality-question.ts";
import type { RequestTiming } from "../traffic/traffic-meter.ts";
import type { Keys, Source } from "./known-experts.ts";
import type { Lane } from "./lanes.ts";
import type { LocalityTally } from "./locality-tally.ts";
import type { Sent } from "./sent.ts";

/** Who is told of a model's requests. */
export interface LocalityLedger {
  /** A request was sent to a pool. */
  sentTo(sent: Sent, tally: LocalityTally): void;
  /** It is there no more. */
  left(sent: Sent): void;
  /** Its answer has named the experts of some tokens, at all MoE layers of the model. */
  observe(keys: Keys, sent: Sent, routing: RoutingTrace, tally: LocalityTally): void;
}

/** Its lane, and what is known of it. */
interface Asked extends Lane {
  readonly keys: Keys;
  readonly source: Source | null;
  readonly signature: ExpertSignature | null;
}

/** One request, as its model's locality has it: what is counted of it is given back once it is over. */
export class RequestLocality implements LocalityQuestion {
  readonly acts: boolean;
  place = -1;
  readonly #ledger: LocalityLedger;
  /** Of the settings that it came under. */
  readonly #tally: LocalityTally;
  readonly #lane: Asked;
  #sent: Sent | null = null;
  #counted = false;

  constructor(ledger: LocalityLedger, tally: LocalityTally, lane: Asked) {
    this.#ledger = ledger;
    this.#tally = tally;
    this.#lane = lane;
    this.acts = lane.acts;
  }

  get signature(): ExpertSignature | null {
    return this.#lane.signature;
  }

  /** What its pool is chosen by; null for the arm that is routed as without. */
  get question(): LocalityQuestion | null {
    return this.#lane.asks ? this : null;
  }

  /** @param at the place of its pool; −1 for one that its model falls back on @param tokens in and out, as expected */
  sentTo(at: number, tokens: number): void {
    if (this.#sent !== null && this.#sent.at === at) return;
    this.over();
    if (at < 0) return;
    const { arm, source, acts, series } = this.#lane;
    const would = acts || this.place < 0 ? at : this.place;
    this.#sent = { arm, at, would, tokens, series };
    if (!this.#counted) {
      this.#counted = true;
      if (this.#lane.asks) this.#tally.known[source ?? "nothing"].requests++;
      this.#tally.choices.sent++;
      if (this.place >= 0) this.#tally.choices.byExperts++;
      if (would !== at) this.#tally.choices.elsewhere++;
    }
    this.#ledger.sentTo(this.#sent, this.#tally);
  }

  routed(routing: RoutingTrace): void {
    if (this.#sent !== null) this.#ledger.observe(this.#lane.keys, this.#sent, routing, this.#tally);
  }

  /** It is in flight no more. */
  over(): void {
    if (this.#sent === null) return;
    const sent = this.#sent;
    this.#sent = null;
    this.#ledger.left(sent);
  }

  /** It was answered whole. @param tokens of its answer; null where they are not known */
  answered({ arrivalMs, firstFrameMs, lastFrameMs }: RequestTiming, tokens: number | null): void {
    const { unit, arm } = this.#lane;
    if (unit === null || !this.#counted || firstFrameMs === null) return;
    const tpot = tokens !== null && tokens > 1 ? (lastFrameMs - firstFrameMs) / (tokens - 1) : null;
    this.#tally.measured(unit, arm, { tpot, ttft: firstFrameMs - arrivalMs });
  }
}
