import { fieldsOf } from "../../lib/json-fields.ts";
import type { ModelSettings } from "../../model/model-settings.ts";
import type { EngineRequest } from "../engine.ts";
import { adding } from "../engine-request.ts";
import { InvalidRequest } from "../refusals.ts";
import type { RequestFacts } from "../request/request-facts.ts";

/** What limits how much is generated, and what is read, on each route that has a field for it. */
const FIELDS: Readonly<Record<string, { readonly most: string; readonly prompt: string }>> = {
  "/v1/chat/completions": { most: "max_tokens", prompt: "messages" },
  "/v1/completions": { most: "max_tokens", prompt: "prompt" },
  "/v1/messages": { most: "max_tokens", prompt: "messages" },
  "/v1/responses": { most: "max_output_tokens", prompt: "input" },
};
/** All names of the first. */
const MOST = new Set(["max_tokens", "max_completion_tokens", "max_output_tokens"]);

export interface TakenRequest {
  readonly facts: RequestFacts;
  readonly request: EngineRequest;
}

/**
 * What a model's requests get that they leave out, and what they may not exceed. Fields are added on the routes that
 * generate from named fields; whatever a client wrote, `null` too, stays.
 */
export class RequestTerms {
  readonly #model: string;
  /** Fields but those of `MOST`, as JSON. */
  readonly #defaults: readonly (readonly [name: string, field: string])[];
  /** How much a request may generate that does not say it; 0 for no limit. */
  readonly #usual: number;
  readonly #limits: ModelSettings["limits"];

  private constructor({ name, defaults, limits }: ModelSettings) {
    this.#model = name;
    this.#limits = limits;
    this.#defaults = Object.entries(defaults)
      .filter(([field]) => !MOST.has(field))
      .map(([field, value]) => [field, `${JSON.stringify(field)}:${JSON.stringify(value)}`]);
    const own = Object.entries(defaults).find(([field]) => MOST.has(field))?.[1];
    this.#usual = typeof own === "number" ? own : limits.maxTokens;
  }

  /** Null where the model has none. */
  static of(settings: ModelSettings): RequestTerms | null {
    const { defaults, limits } = settings;
    const none = limits.maxTokens === 0 && limits.maxInputTokens === 0 && Object.keys(defaults).length === 0;
    return none ? null : new RequestTerms(settings);
  }

  /** @throws InvalidRequest naming the field that is over a limit */
  take(facts: RequestFacts, request: EngineRequest): TakenRequest {
    const query = request.path.indexOf("?");
    const names = FIELDS[query < 0 ? request.path : request.path.slice(0, query)];
    this.#check(facts, names?.prompt ?? null);
    const { body, fields } = facts;
    if (names === undefined || request.method !== "POST" || body === null || fields === null)
      return { facts, request };
    const there = new Set(fieldsOf(body, fields).map(({ name }) => name));
    const added = this.#defaults.filter(([name]) => !there.has(name)).map(([, field]) => field);
    const setsMost = this.#usual > 0 && MOST.isDisjointFrom(there);
    if (setsMost) added.push(`${JSON.stringify(names.most)}:${this.#usual}`);
    if (added.length === 0) return { facts, request };
    return {
      facts: setsMost ? { ...facts, maxTokens: this.#usual } : facts,
      request: adding(request, added.join(",")),
    };
  }

  #check({ maxTokens, inputTokens, body, fields }: RequestFacts, prompt: string | null): void {
    const { maxTokens: most, maxInputTokens } = this.#limits;
    if (most > 0 && maxTokens !== null && maxTokens > most) {
      const written = body === null || fields === null ? [] : fieldsOf(body, fields).map(({ name }) => name);
      const field = written.findLast((name) => MOST.has(name)) ?? "sampling_params";
      throw new InvalidRequest(
        `\`${field}\` asks for ${maxTokens} tokens; \`${this.#model}\` may be asked for ${most} at most.`,
        field,
      );
    }
    if (maxInputTokens > 0 && inputTokens > maxInputTokens) {
      throw new InvalidRequest(
        `The prompt has about ${inputTokens} tokens; \`${this.#model}\` takes ${maxInputTokens} at most.`,
        prompt,
      );
    }
  }
}
