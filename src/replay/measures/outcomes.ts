import { CANCELLED, LEFT, type RequestRecord } from "../request-record.ts";

/** Different words of servers about errors that are kept. */
const MOST_TEXTS = 20;
const LONGEST_TEXT = 300;

/** How requests ended, warm-ups left out. */
export interface OutcomeSummary {
  readonly completed: number;
  readonly failed: number;
  /** Still in flight when the replay was stopped. */
  readonly cancelled: number;
  /** Requests whose users left, as asked for. */
  readonly left: number;
  /** Requests that were sent again because the server said so. */
  readonly retried: number;
  /** Failed requests by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** What servers said of failures, and how often; the first few. */
  readonly errorTexts: Readonly<Record<string, number>>;
  /** Completed requests by how their answers ended. */
  readonly finishReasons: Readonly<Record<string, number>>;
}

export class Outcomes {
  completed = 0;
  failed = 0;
  #cancelled = 0;
  #left = 0;
  #retried = 0;
  readonly #failures = new Map<string, number>();
  readonly #errorTexts = new Map<string, number>();
  readonly #finishReasons = new Map<string, number>();

  /** @returns whether it has completed or failed, and was not given up */
  add({ failure, attempts, errorText, finishReason }: RequestRecord): boolean {
    if (attempts > 1) this.#retried++;
    if (failure === CANCELLED) this.#cancelled++;
    else if (failure === LEFT) this.#left++;
    else if (failure !== null) this.#fail(failure, errorText);
    else {
      this.completed++;
      increment(this.#finishReasons, finishReason ?? "none");
    }
    return failure !== CANCELLED && failure !== LEFT;
  }

  summary(): OutcomeSummary {
    return {
      completed: this.completed,
      failed: this.failed,
      cancelled: this.#cancelled,
      left: this.#left,
      retried: this.#retried,
      failures: Object.fromEntries(this.#failures),
      errorTexts: Object.fromEntries(this.#errorTexts),
      finishReasons: Object.fromEntries(this.#finishReasons),
    };
  }

  #fail(failure: string, text: string | null): void {
    this.failed++;
    increment(this.#failures, failure);
    const said = text?.slice(0, LONGEST_TEXT);
    if (said === undefined) return;
    if (this.#errorTexts.has(said) || this.#errorTexts.size < MOST_TEXTS) increment(this.#errorTexts, said);
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
