import type { ResponseHeaders } from "../engine.ts";

/**
 * How an answer ended. A stream that is not complete after all is `cut_short`: the client was sent an error; where the
 * engine itself sent one in place of more frames, it is `failed`, or `client_error` when the request is to blame.
 */
export type AnswerEnd = "whole" | "cut_short" | "client_error" | "failed";

/**
 * Where a request's answer goes. Receives either `refused`, or `headers`, then `data` any number of times, then `end`
 * or `brokenOff`.
 */
export interface Client {
  /**
   * The response headers; for a stream the first byte may arrive much later.
   * @param shard the id of what serves it
   * @param epoch of the decision it was routed by; 0 where the pool has no expert plane
   */
  headers(response: ResponseHeaders, shard: string, epoch: number): void;
  /** A stream of which the client has only the response headers comes from this shard instead. */
  takenOver(shard: string): void;
  /** @returns false to get no more until `Flight.resume` */
  data(chunk: Buffer): boolean;
  /** What was relayed is all. */
  end(): AnswerEnd;
  /** What was relayed is not complete. */
  brokenOff(fault: Error): void;
  /** The request will not be sent again: its body may be freed. Called once, before or with the end. */
  bodyReleased(): void;
  /** Nothing was relayed. */
  refused(error: Error): void;
}
