import type { ResponseHeaders } from "../engine.ts";
import type { AnswerEnd, Client } from "../flight/client.ts";
import { isEventStream } from "../flight/event-stream.ts";
import type { AnswerMeasures } from "../traffic/traffic-observer.ts";
import { UsageSearch } from "../traffic/usage-search.ts";

const REFUSED = 400;
/** Of what ended without an answer. */
const NO_STATUS = 0;

/** One of the two answers to a request that is copied: measures what passes, and hands it on as it is. */
export class AnswerSide implements Client {
  readonly #client: Client;
  readonly #now: () => number;
  readonly #over: (measures: AnswerMeasures) => void;
  readonly #usage = new UsageSearch();
  readonly #sinceMs: number;
  #status = NO_STATUS;
  #firstByteMs: number | null = null;
  #streams = false;

  /**
   * @param over receives what was measured, at the end; never where the client leaves first
   */
  constructor(client: Client, now: () => number, over: (measures: AnswerMeasures) => void) {
    this.#client = client;
    this.#now = now;
    this.#over = over;
    this.#sinceMs = now();
  }

  headers(response: ResponseHeaders, shard: string, epoch: number): void {
    this.#status = response.status;
    this.#streams = isEventStream(response);
    this.#client.headers(response, shard, epoch);
  }

  takenOver(shard: string): void {
    this.#client.takenOver(shard);
  }

  data(chunk: Buffer): boolean {
    this.#firstByteMs ??= this.#now() - this.#sinceMs;
    this.#usage.take(chunk);
    return this.#client.data(chunk);
  }

  end(): AnswerEnd {
    const end = this.#client.end();
    const said = !this.#streams || this.#usage.isDone || this.#usage.finish() !== null;
    this.#ended(end === "whole" && said);
    return end;
  }

  brokenOff(fault: Error): void {
    this.#client.brokenOff(fault);
    this.#ended(false);
  }

  bodyReleased(): void {
    this.#client.bodyReleased();
  }

  refused(error: Error): void {
    this.#client.refused(error);
    this.#ended(false);
  }

  #ended(whole: boolean): void {
    this.#over({
      status: this.#status,
      ok: whole && this.#status < REFUSED,
      firstByteMs: this.#firstByteMs,
      bytes: this.#usage.bytes,
      tokens: this.#usage.found().answer,
    });
  }
}
