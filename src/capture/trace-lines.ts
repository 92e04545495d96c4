import type { CapturedRequest } from "../serving/capture/captured-request.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { HiddenNames } from "./hidden-names.ts";
import { wholeMicroseconds } from "../lib/whole-microseconds.ts";

/** Tokens of a block of RoutableRequest.prefix, as estimated. */
const HASHED_TOKENS = 64;
const FORMAT = "plimsoll.trace/1";

/** Where and how a trace was recorded. */
export interface TraceOrigin {
  readonly gateway: string;
  readonly version: string;
  /** The same moment, from which times count, in ms since 1970 and of the process's clock. */
  readonly startMs: number;
  readonly clockMs: number;
  readonly sample: number;
}

export interface LineTerms {
  readonly salt: Uint8Array;
  /** Whether tenants and sessions keep their names. */
  readonly names: boolean;
  /** Tokens of a block of a prompt: a multiple of 64. */
  readonly blockTokens: number;
}

/** Writes requests as lines of JSON, in the fields that docs/capture.md lists. */
export class TraceLines {
  readonly #origin: TraceOrigin;
  readonly #terms: LineTerms;
  readonly #hidden: HiddenNames;

  constructor(origin: TraceOrigin, terms: LineTerms) {
    this.#origin = origin;
    this.#terms = terms;
    this.#hidden = new HiddenNames(terms.salt);
  }

  /** The first line of a file. */
  header(): string {
    const { gateway, version, startMs, sample } = this.#origin;
    return JSON.stringify({
      format: FORMAT,
      start: new Date(startMs).toISOString(),
      start_ms: startMs,
      gateway,
      version,
      sample,
      block_size: this.#terms.blockTokens,
      salt_id: this.#hidden.saltId,
      order: "end",
    });
  }

  line(request: CapturedRequest): string {
    const { blockTokens } = this.#terms;
    const { inputTokens, outputTokens, firstFrameMs, routed, body } = request;
    const input = Math.max(1, inputTokens.tokens);
    const ids = this.#hidden.blocks(
      request.prefix,
      blockTokens / HASHED_TOKENS,
      Math.floor(input / blockTokens),
    );
    const estimated = [
      ...(inputTokens.estimated ? ["input_length"] : []),
      ...(outputTokens.estimated ? ["output_length"] : []),
    ];
    return JSON.stringify({
      timestamp_ms: wholeMicroseconds(request.arrivalMs - this.#origin.clockMs),
      input_length: input,
      output_length: outputTokens.tokens,
      estimated: estimated.length === 0 ? undefined : estimated,
      max_tokens: request.maxTokens ?? undefined,
      cached_tokens: request.cachedTokens ?? undefined,
      tenant: request.tenant === null ? undefined : this.#name("tenant", request.tenant),
      session: request.session === null ? undefined : this.#name("session", request.session),
      priority: request.priority === 0 ? undefined : -request.priority,
      model: request.model,
      route: request.route,
      outcome: request.outcome,
      ttft_ms: firstFrameMs === null ? undefined : wholeMicroseconds(firstFrameMs),
      duration_ms: wholeMicroseconds(request.durationMs),
      hash_ids: ids.length === 0 ? undefined : ids,
      routed_experts: routed === null ? undefined : written(routed),
      body: body === null ? undefined : jsonOf(body),
    });
  }

  #name(kind: "tenant" | "session", name: string): string {
    return this.#terms.names ? name : this.#hidden.name(kind, name);
  }
}

function written({ tokens, layers, topk, experts }: RoutingTrace) {
  const data = Buffer.from(experts.buffer, experts.byteOffset, experts.byteLength).toString("base64");
  return { tokens, layers, topk, data };
}

/** What lies deep in a body nobody has read yet: it may be no JSON. */
function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch {
    return undefined;
  }
}
