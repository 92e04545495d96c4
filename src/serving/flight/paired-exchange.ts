import type { Clock } from "../../lib/clock.ts";
import type { Attempt } from "./attempt.ts";
import {
  type Engine,
  type EngineRequest,
  EngineUnreachable,
  type Exchange,
  type ResponseHeaders,
  type ResponseSink,
} from "../engine.ts";
import { adding, withOtherBody } from "../engine-request.ts";
import { failureKind } from "./failure-kind.ts";
import type { Leg } from "./leg.ts";
import type { Pairing, TogetherPair } from "../pairing.ts";
import { type AttemptTrace, tracedRequest } from "../tracing/request-trace.ts";

/** The shard that prefills a request. */
export interface PrefillLeg {
  readonly engine: Engine;
  readonly leg: Leg;
  readonly pairing: Pairing;
  /** Null where the request is not traced. */
  readonly trace: AttemptTrace | null;
}

const GOOD = 200;
/** A refusal for now: another shard may be tried. */
const TOO_MANY_REQUESTS = 429;
const REFUSED = 400;
const FAILED = 500;
/** An answer to a prefill of one token is short; what a longer one says about the cache is ignored. */
const MOST_ANSWER_BYTES = 8 << 20;

/**
 * One request on two shards: one prefills it, the other decodes it and answers. What the prefill can answer, and what
 * follows while the decode has not begun to answer:
 *
 * - 200: together, the decode has the cache. In turn, the decode's request names where the cache is; where the answer
 *   does not say it (the one token ended the prompt), the decode does the whole work.
 * - 400 to 428, 430 to 499: the request's own fault. The client gets this answer at once, the decode is cancelled, and
 *   no shard is to blame.
 * - 429, 5xx: another shard prefills it, where there is one; else the client gets this answer.
 * - no answer, a broken one: the attempt is lost by the prefill's shard, and may be made with another.
 *
 * Once the decode has begun to answer, it has all it needs of the prefill.
 */
export class PairedExchange implements Exchange, ResponseSink {
  readonly #prefill: PrefillLeg;
  readonly #decode: Engine;
  readonly #request: EngineRequest;
  readonly #attempt: Attempt;
  readonly #clock: Clock;
  #prefillExchange: Exchange | null = null;
  #decodeExchange: Exchange | null = null;
  /** The prefill's answer, where the decode needs it. */
  #answer: Buffer[] = [];
  #answerBytes = 0;
  #status = 0;
  /** The prefill refused the request itself: its answer goes to the client. */
  #relaying = false;
  /** Nothing of the prefill is needed any more. */
  #over = false;

  constructor(prefill: PrefillLeg, decode: Engine, request: EngineRequest, attempt: Attempt, clock: Clock) {
    this.#prefill = prefill;
    this.#decode = decode;
    this.#request = request;
    this.#attempt = attempt;
    this.#clock = clock;
  }

  sendTogether({ prefillBody, decodeFields }: TogetherPair): void {
    this.#attempt.awaitsPrefill = true;
    this.#sendPrefill(prefillBody);
    this.#sendDecode(decodeFields);
  }

  /** The prefill gets `body`; the decode gets its own body when the prefill is done. */
  sendInTurn(body: Uint8Array): void {
    this.#sendPrefill(body);
  }

  resume(): void {
    if (this.#relaying) this.#prefillExchange?.resume();
    else this.#decodeExchange?.resume();
  }

  cancel(): void {
    this.#over = true;
    this.#answer = [];
    this.#prefill.leg.finished();
    this.#prefill.trace?.cancelled();
    try {
      this.#prefillExchange?.cancel();
    } finally {
      this.#decodeExchange?.cancel();
    }
  }

  headers(response: ResponseHeaders): void {
    const { engine, leg } = this.#prefill;
    const { status } = response;
    leg.headersReceived(response);
    this.#prefill.trace?.received(status);
    if (status < FAILED) leg.answered(status, this.#clock.now());
    this.#status = status;
    if (status < REFUSED) {
      if (this.#prefill.pairing.kind === "together") this.#guarded(() => this.#attempt.prefillAccepted());
    } else if (!this.#triesAnother(status) && !this.#attempt.answering && !this.#over) {
      this.#relaying = true;
      // The shard of the decode has no part in it.
      this.#attempt.leg.finished();
      this.#attempt.trace?.cancelled();
      this.#decodeExchange?.cancel();
      this.#attempt.awaitsPrefill = false;
      this.#attempt.refusedBy = engine.servedBy?.(leg.shard, this.#request.path) ?? leg.shard.id;
      // The KV use it reports is not the decode's.
      this.#attempt.headers({ ...response, kvUse: null });
    }
  }

  data(chunk: Buffer): boolean {
    if (this.#relaying) return this.#attempt.data(chunk);
    // Its one token: a stream's headers come before the prompt is computed.
    if (this.#status < REFUSED) this.#prefill.leg.firstToken(this.#clock.now());
    if (this.#prefill.pairing.kind === "together" || this.#over) return true;
    this.#answerBytes += chunk.length;
    if (this.#answerBytes <= MOST_ANSWER_BYTES) this.#answer.push(chunk);
    return true;
  }

  end(): void {
    const { leg, pairing, trace } = this.#prefill;
    leg.finished();
    trace?.ended();
    if (this.#relaying) return this.#attempt.end();
    if (pairing.kind === "together" || this.#over) return;
    this.#guarded(() => {
      const whole = this.#status === GOOD && this.#answerBytes <= MOST_ANSWER_BYTES;
      const answer = whole ? Buffer.concat(this.#answer) : EMPTY;
      this.#answer = [];
      this.#sendDecode(pairing.decodeFields(answer));
    });
  }

  fail(fault: EngineUnreachable): void {
    this.#prefill.leg.broke(failureKind(fault));
    this.#prefill.trace?.failed(fault);
    if (this.#relaying) this.#attempt.fail(fault);
    else this.#guarded(() => this.#attempt.prefillFailed(this.#prefill.leg, fault));
  }

  /** Whether another shard prefills the request in place of this one, whose answer is ignored then. */
  #triesAnother(status: number): boolean {
    if (status < FAILED && status !== TOO_MANY_REQUESTS) return false;
    const { leg } = this.#prefill;
    if (status >= FAILED) leg.refused(status);
    let another = true;
    this.#guarded(() => {
      another = this.#attempt.prefillRefused(leg, status);
    });
    if (another) this.#prefillExchange?.cancel();
    return another;
  }

  #sendPrefill(body: Uint8Array): void {
    const { engine, leg, trace } = this.#prefill;
    const request = withOtherBody(tracedRequest(this.#request, trace), body);
    this.#prefillExchange = engine.send(leg.shard, request, this);
  }

  /** @param fields that are added to its body */
  #sendDecode(fields: string | null): void {
    const own = tracedRequest(this.#request, this.#attempt.trace);
    const request = fields === null ? own : adding(own, fields);
    this.#decodeExchange = this.#decode.send(this.#attempt.leg.shard, request, this.#attempt);
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#attempt.threw(error);
    }
  }
}

const EMPTY = Buffer.alloc(0);
