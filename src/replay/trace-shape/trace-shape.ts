import type { TraceRequest } from "../../model/traffic.ts";
import { Burstiness, type BurstinessFigures } from "./burstiness.ts";
import { type ConversationFigures, Conversations } from "./conversations.ts";
import { Correlation, type LengthFigures, Lengths } from "./lengths.ts";
import { NameCounts, type NameFigures } from "./name-counts.ts";
import { type PrefixFigures, PrefixSharing } from "./prefix-sharing.ts";
import { type TimeBin, TimeBins } from "./time-bins.ts";

/** What a trace asks of a server. */
export interface TraceFigures {
  readonly requests: number;
  /** From the first request to the last. */
  readonly durationMs: number;
  /** Requests per second over that time; null where all come at once. */
  readonly rate: number | null;
  readonly burstiness: BurstinessFigures;
  readonly input: LengthFigures;
  readonly output: LengthFigures;
  /** Of the two lengths of a request (Pearson); null where either is always the same. */
  readonly correlation: number | null;
  readonly prefix: PrefixFigures | null;
  readonly conversations: ConversationFigures | null;
  readonly tenants: NameFigures | null;
  readonly classes: NameFigures | null;
  readonly models: NameFigures | null;
  readonly over: { readonly binMs: number; readonly bins: readonly Readonly<TimeBin>[] };
  readonly lengthPoints: {
    readonly input: readonly (readonly [percent: number, tokens: number])[];
    readonly output: readonly (readonly [percent: number, tokens: number])[];
  };
}

/** Takes a trace in once, request by request, in memory that does not grow with it. */
export class TraceShape {
  readonly #bins = new TimeBins();
  readonly #burstiness = new Burstiness();
  readonly #input = new Lengths();
  readonly #output = new Lengths();
  readonly #correlation = new Correlation();
  readonly #prefix = new PrefixSharing();
  readonly #conversations = new Conversations();
  readonly #tenants = new NameCounts();
  readonly #classes = new NameCounts();
  readonly #models = new NameCounts();
  #requests = 0;
  #lastMs = 0;

  /** @param request in order of arrival */
  add(request: TraceRequest): void {
    const { arrivalMs, inputTokens, outputTokens } = request;
    this.#requests++;
    this.#lastMs = arrivalMs;
    this.#burstiness.add(arrivalMs);
    this.#input.add(inputTokens);
    this.#output.add(outputTokens);
    this.#correlation.add(inputTokens, outputTokens);
    this.#conversations.add(request);
    this.#tenants.add(request.tenant);
    this.#classes.add(request.trafficClass);
    this.#models.add(request.model);
    const bin = this.#bins.at(arrivalMs);
    bin.requests++;
    bin.inputTokens += inputTokens;
    bin.outputTokens += outputTokens;
    bin.cachedTokens += this.#prefix.add(request);
  }

  /** Of at least one request. Once, at the end. */
  figures(): TraceFigures {
    return {
      requests: this.#requests,
      durationMs: this.#lastMs,
      rate: this.#lastMs === 0 ? null : (1000 * this.#requests) / this.#lastMs,
      burstiness: this.#burstiness.figures(),
      input: this.#input.figures(),
      output: this.#output.figures(),
      correlation: this.#correlation.value(),
      prefix: this.#prefix.figures(),
      conversations: this.#conversations.figures(),
      tenants: this.#tenants.figures(),
      classes: this.#classes.figures(),
      models: this.#models.figures(),
      over: { binMs: this.#bins.widthMs, bins: this.#bins.bins },
      lengthPoints: { input: this.#input.points(), output: this.#output.points() },
    };
  }
}
