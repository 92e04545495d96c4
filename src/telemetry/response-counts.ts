import type { Responded } from "../serving/traffic/traffic-observer.ts";
import { ByModel } from "./by-model.ts";
import type { Family } from "./family.ts";

/** Statuses that are counted one by one; of others, which an engine may send, their class is. */
const STATUSES = new Set([
  200, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 417, 422, 429, 431, 499, 500, 501, 502, 503, 504,
]);
const GOOD = { status: 200, errorType: "" };
/** What nginx logs where a client has left before its answer. */
const CLIENT_LEFT = { status: 499, errorType: "cancelled" };
/** With which engines are known to refuse. */
const ENGINE_STATUSES = [400, 404, 422, 429, 500, 503];

/** How many of a model's requests were answered so, by the two labels that say how. */
type Counts = Map<string, { readonly status: string; readonly errorType: string; count: number }>;

/** Responses by pool, model, status and type of error. Those of a request whose pool was never known have neither. */
export class ResponseCounts {
  readonly #counts = new ByModel<Counts>((pool) => this.#zeros(pool));
  readonly #reasons = new Map<string, readonly string[]>();
  readonly #statusOf: (reason: string) => number;

  /** @param statusOf the status that clients get for a reason */
  constructor(statusOf: (reason: string) => number) {
    this.#statusOf = statusOf;
  }

  /** @param reasons for which requests to that pool may be refused: they are counted from 0 on */
  begin(pool: string, models: readonly string[], reasons: readonly string[]): void {
    this.#reasons.set(pool, reasons);
    this.#counts.begin(pool, models);
  }

  add(pool: string, { model, status, errorType }: Responded): void {
    this.#cell(this.#counts.of(pool, model), status ?? this.#statusOf(errorType), errorType).count++;
  }

  read: Family["read"] = (observe) => {
    for (const [pool, models] of this.#counts.all)
      for (const [model, counts] of models)
        for (const { status, errorType, count } of counts.values())
          observe(count, pool, model, status, errorType);
  };

  #zeros(pool: string): Counts {
    const counts: Counts = new Map();
    for (const reason of this.#reasons.get(pool) ?? []) this.#cell(counts, this.#statusOf(reason), reason);
    if (pool === "") return counts;
    for (const { status, errorType } of [GOOD, CLIENT_LEFT]) this.#cell(counts, status, errorType);
    for (const status of ENGINE_STATUSES) this.#cell(counts, status, "engine_error");
    return counts;
  }

  #cell(counts: Counts, code: number, errorType: string) {
    const status = STATUSES.has(code) ? String(code) : `${Math.floor(code / 100)}xx`;
    const key = `${status} ${errorType}`;
    const known = counts.get(key);
    if (known !== undefined) return known;
    const cell = { status, errorType, count: 0 };
    counts.set(key, cell);
    return cell;
  }
}
