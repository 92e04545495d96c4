import { BlockCache, type BlockHolder } from "./block-cache.ts";
import { CacheForecast } from "./cache-forecast.ts";

/** How fast an engine is, and how much it holds. */
export interface EngineSettings {
  readonly blockTokens: number;
  readonly cacheTokens: number;
  readonly prefillMsPerToken: number;
  /** Of every step, and for every sequence that decodes in it. */
  readonly stepMs: number;
  readonly decodeMs: number;
  /** Tokens of one step. */
  readonly stepTokens: number;
  readonly maxRunning: number;
}

export interface EngineRequest {
  readonly id: number;
  /** The whole blocks of its prompt, each a hash of all text up to its end. */
  readonly blocks: readonly number[];
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a step has brought, at its end. */
export interface StepEnd {
  readonly atMs: number;
  /** The requests with one more token, of those the ones with their first, and the ones that are complete. */
  readonly tokens: readonly number[];
  readonly first: readonly number[];
  readonly done: readonly number[];
}

interface Running {
  readonly request: EngineRequest;
  /** Prompt tokens that are in the cache; those of the step that runs. */
  prefilled: number;
  scheduled: number;
  made: number;
  /** Blocks held that others can use, from the first on; the others it holds. */
  shared: number;
  own: number;
}

/**
 * An inference engine as a router meets it, in its own time: a prefix cache (LRU), a KV limit with a queue, steps in
 * which sequences decode and prompts are prefilled in chunks, first come, first served. Time is an argument: it serves
 * virtual runs, and HTTP servers by the clock.
 */
export class ModelEngine {
  readonly settings: EngineSettings;
  readonly #cache: BlockCache;
  /** Of a forecast, what the cache would be; else the cache. */
  readonly #blocks: BlockHolder;
  #waiting: EngineRequest[] = [];
  #running: Running[] = [];
  /** When the step that runs ends; Infinity while none does. */
  #endsMs = Number.POSITIVE_INFINITY;
  #requests = 0;
  #cachedTokens = 0;
  #inputTokens = 0;

  /** @param cache another engine's, for a forecast; null for one of its own */
  constructor(settings: EngineSettings, cache: BlockCache | null = null) {
    this.settings = settings;
    this.#cache = cache ?? new BlockCache(Math.floor(settings.cacheTokens / settings.blockTokens));
    this.#blocks = cache === null ? this.#cache : new CacheForecast(this.#cache);
  }

  get stepEndsMs(): number {
    return this.#endsMs;
  }

  /** What it says of itself, as vLLM's metrics do. */
  get load(): { readonly running: number; readonly waiting: number; readonly kvUse: number } {
    const { used, capacity } = this.#cache;
    return { running: this.#running.length, waiting: this.#waiting.length, kvUse: used / capacity };
  }

  /** Requests that began, and of their prompts' tokens those that were cached. */
  get served(): { readonly requests: number; readonly inputTokens: number; readonly cachedTokens: number } {
    return { requests: this.#requests, inputTokens: this.#inputTokens, cachedTokens: this.#cachedTokens };
  }

  /** What was served so far counts no more. */
  resetServed(): void {
    this.#requests = this.#cachedTokens = this.#inputTokens = 0;
  }

  /** Tokens of the prompt that its cache would serve now. */
  cachedTokens(request: EngineRequest): number {
    return this.#usable(this.#blocks.match(request.blocks), request) * this.settings.blockTokens;
  }

  submit(request: EngineRequest, nowMs: number): void {
    this.#waiting.push(request);
    if (this.#endsMs === Number.POSITIVE_INFINITY) this.#begin(nowMs);
  }

  /** Its client has left. */
  drop(id: number): void {
    this.#waiting = this.#waiting.filter((request) => request.id !== id);
    const at = this.#running.findIndex(({ request }) => request.id === id);
    if (at >= 0) this.#leave(this.#running.splice(at, 1)[0]);
  }

  /** It is killed: all it had is gone. */
  stop(): void {
    this.#waiting = [];
    this.#running = [];
    this.#cache.clear();
    this.#endsMs = Number.POSITIVE_INFINITY;
  }

  /** Ends the step that runs and begins the next. */
  endStep(): StepEnd {
    const atMs = this.#endsMs;
    const tokens: number[] = [];
    const first: number[] = [];
    const done: number[] = [];
    for (const one of this.#running) {
      if (one.scheduled === 0) continue;
      const { id, inputTokens, outputTokens } = one.request;
      if (one.prefilled < inputTokens) this.#prefilled(one);
      if (one.prefilled < inputTokens) continue;
      one.made++;
      tokens.push(id);
      if (one.made === 1) first.push(id);
      if (one.made >= outputTokens) done.push(id);
    }
    this.#running = this.#running.filter((one) => {
      if (one.made < one.request.outputTokens) return true;
      this.#leave(one);
      return false;
    });
    this.#begin(atMs);
    return { atMs, tokens, first, done };
  }

  /** When the request would have its first token if it came now, and none after it. */
  firstTokenMs(request: EngineRequest, nowMs: number): number {
    const copy = this.#copy();
    copy.submit(request, nowMs);
    for (;;) {
      const { atMs, first } = copy.endStep();
      if (first.includes(request.id)) return atMs;
      if (copy.#endsMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    }
  }

  #copy(): ModelEngine {
    const copy = new ModelEngine(this.settings, this.#cache);
    copy.#waiting = [...this.#waiting];
    copy.#running = this.#running.map((one) => ({ ...one }));
    copy.#endsMs = this.#endsMs;
    return copy;
  }

  #begin(nowMs: number): void {
    const { stepTokens, stepMs, decodeMs, prefillMsPerToken } = this.settings;
    let decoding = 0;
    for (const one of this.#running) {
      const decodes = one.prefilled === one.request.inputTokens;
      one.scheduled = decodes ? 1 : 0;
      decoding += one.scheduled;
    }
    let left = Math.max(0, stepTokens - decoding);
    let prefilling = 0;
    const prefill = (one: Running): void => {
      one.scheduled = Math.min(left, one.request.inputTokens - one.prefilled);
      left -= one.scheduled;
      prefilling += one.scheduled;
    };
    for (const one of this.#running) if (one.prefilled < one.request.inputTokens) prefill(one);
    for (;;) {
      const one = left > 0 && this.#waiting.length > 0 ? this.#admit(this.#waiting[0]) : null;
      if (one === null) break;
      this.#waiting.shift();
      this.#running.push(one);
      prefill(one);
    }
    const works = decoding + prefilling > 0;
    this.#endsMs = works
      ? nowMs + stepMs + decodeMs * decoding + prefillMsPerToken * prefilling
      : Number.POSITIVE_INFINITY;
  }

  /** @returns null while there is no place for it */
  #admit(request: EngineRequest): Running | null {
    const { maxRunning, blockTokens } = this.settings;
    if (this.#running.length >= maxRunning) return null;
    const shared = this.#usable(this.#blocks.match(request.blocks), request);
    const own = Math.ceil((request.inputTokens + request.outputTokens) / blockTokens) - shared;
    if (!this.#blocks.hold(request.blocks, shared, own)) return null;
    const prefilled = shared * blockTokens;
    this.#requests++;
    this.#inputTokens += request.inputTokens;
    this.#cachedTokens += prefilled;
    return { request, prefilled, scheduled: 0, made: 0, shared, own };
  }

  /** The last token of a prompt is computed in any case. */
  #usable(found: number, { inputTokens }: EngineRequest): number {
    return Math.min(found, Math.floor((inputTokens - 1) / this.settings.blockTokens));
  }

  #prefilled(one: Running): void {
    const { blocks } = one.request;
    one.prefilled += one.scheduled;
    const whole = Math.min(blocks.length, Math.floor(one.prefilled / this.settings.blockTokens));
    for (; one.shared < whole; one.shared++, one.own--) this.#blocks.publish(blocks[one.shared]);
  }

  #leave({ request, shared, own }: Running): void {
    this.#blocks.release(request.blocks, shared, own);
  }
}
