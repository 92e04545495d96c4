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
import { failureKind } from "./failure-kind.ts";
import type { Leg } from "./leg.ts";
import type { PairedBodies, Pairing } from "../pairing.ts";

/** The shard that prefills a request. */
export interface PrefillLeg {
  readonly engine: Engine;
  readonly leg: Leg;
  readonly pairing: Pairing;
}

const GOOD = 200;
/** "Not now": another may. */
const ELSEWHERE = 429;
const FAILED = 500;
/** An answer to a prefill of one token is short. A longer one says nothing of the cache that could be used. */
const MOST_ANSWER_BYTES = 8 << 20;

/**
 * One request on two shards: one prefills it, the other decodes it and answers. What the prefill can answer, and what
 * comes of it until the decode has begun to answer:
 *
 * - 200: together, the decode has the cache. In turn, the decode is sent where the cache is; where the answer does not
 *   say (the one token ended the prompt), the decode does the whole work.
 * - 400 to 428, 430 to 499: the request's own fault. The client gets this answer at once, the decode is cancelled, and
 *   no shard is to blame.
 * - 429, 5xx, no answer, a broken one: the attempt is lost by the prefill's shard, and may be made elsewhere.
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
  /** What the prefill answered, where the decode needs it. */
  #answer: Buffer[] = [];
  #answerBytes = 0;
  #status = 0;
  /** The prefill refused the request as it is: its answer is the client's. */
  #relaying = false;
  /** Nothing of the prefill is wanted any more. */
  #over = false;

  constructor(prefill: PrefillLeg, decode: Engine, request: EngineRequest, attempt: Attempt, clock: Clock) {
    this.#prefill = prefill;
    this.#decode = decode;
    this.#request = request;
    this.#attempt = attempt;
    this.#clock = clock;
  }

  sendTogether({ prefill, decode }: PairedBodies): void {
    const { engine, leg } = this.#prefill;
    this.#attempt.awaitsPrefill = true;
    this.#prefillExchange = engine.send(leg.shard, { ...this.#request, body: prefill }, this);
    this.#decodeExchange = this.#decode.send(
      this.#attempt.leg.shard,
      { ...this.#request, body: decode },
      this.#attempt,
    );
  }

  /** The prefill gets `body`, the decode its own when that is done. */
  sendInTurn(body: Uint8Array): void {
    const first = { ...this.#request, body };
    this.#prefillExchange = this.#prefill.engine.send(this.#prefill.leg.shard, first, this);
  }

  resume(): void {
    if (this.#relaying) this.#prefillExchange?.resume();
    else this.#decodeExchange?.resume();
  }

  cancel(): void {
    this.#over = true;
    this.#answer = [];
    this.#prefill.leg.finished();
    try {
      this.#prefillExchange?.cancel();
    } finally {
      this.#decodeExchange?.cancel();
    }
  }

  headers(response: ResponseHeaders): void {
    const { leg } = this.#prefill;
    const { status } = response;
    leg.headersReceived(response);
    if (status < FAILED) leg.answered(status, this.#clock.now());
    this.#status = status;
    if (status < 400) {
      if (this.#prefill.pairing.kind === "together") this.#guarded(() => this.#attempt.prefillAccepted());
    } else if (status >= FAILED || status === ELSEWHERE) {
      this.#lost(`answered the prefill with ${status}`);
    } else if (!this.#attempt.answering) {
      this.#relaying = true;
      this.#decodeExchange?.cancel();
      this.#attempt.awaitsPrefill = false;
      // The cache it tells of is not the decode's.
      this.#attempt.headers({ ...response, kvUse: null });
    }
  }

  data(chunk: Buffer): boolean {
    if (this.#relaying) return this.#attempt.data(chunk);
    if (this.#prefill.pairing.kind === "together" || this.#over) return true;
    this.#answerBytes += chunk.length;
    if (this.#answerBytes <= MOST_ANSWER_BYTES) this.#answer.push(chunk);
    return true;
  }

  end(): void {
    const { leg, pairing } = this.#prefill;
    leg.finished();
    if (this.#relaying) return this.#attempt.end();
    if (pairing.kind === "together" || this.#over) return;
    this.#guarded(() => {
      const whole = this.#status === GOOD && this.#answerBytes <= MOST_ANSWER_BYTES;
      const answer = whole ? Buffer.concat(this.#answer) : EMPTY;
      this.#answer = [];
      const own = this.#request.body ?? EMPTY;
      const body = pairing.decodeBody(own, answer) ?? own;
      this.#decodeExchange = this.#decode.send(
        this.#attempt.leg.shard,
        { ...this.#request, body },
        this.#attempt,
      );
    });
  }

  fail(fault: EngineUnreachable): void {
    this.#prefill.leg.broke(failureKind(fault));
    if (this.#relaying) {
      // The shard of the decode is not to blame.
      this.#attempt.leg.finished();
      this.#attempt.fail(fault);
    } else this.#guarded(() => this.#attempt.prefillFailed(this.#prefill.leg.index, fault));
  }

  #lost(what: string): void {
    const { leg } = this.#prefill;
    this.#prefillExchange?.cancel();
    leg.turnedAway(this.#status);
    const fault = new EngineUnreachable(leg.shard.id, what, { mayHaveBegun: true });
    this.#guarded(() => this.#attempt.prefillFailed(leg.index, fault));
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
