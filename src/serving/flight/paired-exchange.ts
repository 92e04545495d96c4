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
import type { Pairing } from "../pairing.ts";

/** The shard that prefills a request. */
export interface PrefillLeg {
  readonly engine: Engine;
  readonly leg: Leg;
  readonly pairing: Pairing;
  /** As in TogetherPairing. */
  readonly room: number;
}

const GOOD = 200;
const TOO_MANY = 429;

/**
 * One request on two shards: one prefills it, the other decodes it and answers. As long as nothing was answered, what
 * befalls the prefill befalls the attempt.
 */
export class PairedExchange implements Exchange, ResponseSink {
  readonly #prefill: PrefillLeg;
  readonly #decode: Engine;
  readonly #request: EngineRequest;
  readonly #body: Uint8Array;
  readonly #attempt: Attempt;
  readonly #clock: Clock;
  readonly #prefillExchange: Exchange;
  #decodeExchange: Exchange | null = null;
  /** What the prefill answered, where the decode needs it. */
  readonly #answer: Buffer[] = [];
  #status = 0;
  /** The prefill refused the request as it is: its answer is the client's. */
  #relaying = false;

  constructor(
    prefill: PrefillLeg,
    decode: Engine,
    request: EngineRequest,
    body: Uint8Array,
    attempt: Attempt,
    clock: Clock,
  ) {
    this.#prefill = prefill;
    this.#decode = decode;
    this.#request = request;
    this.#body = body;
    this.#attempt = attempt;
    this.#clock = clock;
    const { engine, leg, pairing, room } = prefill;
    if (pairing.kind === "together") {
      const both = { ...request, body: pairing.body(body, leg.index, room) };
      this.#prefillExchange = engine.send(leg.shard, both, this);
      this.#decodeExchange = decode.send(attempt.leg.shard, both, attempt);
    } else {
      const first = { ...request, body: pairing.prefillBody(body) };
      this.#prefillExchange = engine.send(leg.shard, first, this);
    }
  }

  resume(): void {
    if (this.#relaying) this.#prefillExchange.resume();
    else this.#decodeExchange?.resume();
  }

  cancel(): void {
    this.#prefillExchange.cancel();
    this.#prefill.leg.finished();
    this.#decodeExchange?.cancel();
  }

  headers(head: ResponseHeaders): void {
    const { leg, pairing } = this.#prefill;
    leg.headersReceived(head);
    if (head.status < 500) leg.answered(head.status, this.#clock.now());
    this.#status = head.status;
    if (head.status === GOOD) return;
    if (head.status >= 500 || head.status === TOO_MANY) {
      this.#fail(`answered the prefill with ${head.status}`);
    } else if (pairing.kind === "in-turn") {
      this.#relaying = true;
      // The cache it tells of is not the decode's.
      this.#attempt.headers({ ...head, kvUse: null });
    }
    // Together, the decode shard has the same request, and refuses it with the same words.
  }

  data(chunk: Buffer): boolean {
    if (this.#relaying) return this.#attempt.data(chunk);
    if (this.#prefill.pairing.kind === "in-turn") this.#answer.push(chunk);
    return true;
  }

  end(): void {
    const { leg, pairing } = this.#prefill;
    leg.finished();
    if (this.#relaying) return this.#attempt.end();
    if (pairing.kind === "together" || this.#status !== GOOD) return;
    const body = pairing.decodeBody(this.#body, Buffer.concat(this.#answer));
    if (body === null) return this.#fail("did not say where the prefilled cache is");
    this.#decodeExchange = this.#decode.send(
      this.#attempt.leg.shard,
      { ...this.#request, body },
      this.#attempt,
    );
  }

  fail(fault: EngineUnreachable): void {
    this.#prefill.leg.broke(failureKind(fault));
    if (this.#relaying) this.#attempt.fail(fault);
    else this.#attempt.prefillFailed(this.#prefill.leg.index, fault);
  }

  #fail(what: string): void {
    const { leg } = this.#prefill;
    this.#prefillExchange.cancel();
    leg.turnedAway(this.#status);
    const fault = new EngineUnreachable(`${leg.shard.id} ${what}.`, { mayHaveBegun: true });
    this.#attempt.prefillFailed(leg.index, fault);
  }
}
