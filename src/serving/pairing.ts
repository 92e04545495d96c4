/**
 * How a request is written when one shard prefills it and another decodes it; the engine that prefills knows.
 * Bodies are whole JSON objects.
 */
export type Pairing = TogetherPairing | InTurnPairing;

/** Both shards get the same body at the same time, and find each other by what was added to it. */
export interface TogetherPairing {
  readonly kind: "together";
  /**
   * @param prefillRank the prefilling shard's `rank` in its engine
   * @param room an integer in [0, 2⁵³) that no other request in flight was given
   */
  body(body: Uint8Array, prefillRank: number, room: number): Uint8Array;
}

/** The prefill is asked first; its whole answer (status 200) tells the decode where to fetch the cache. */
export interface InTurnPairing {
  readonly kind: "in-turn";
  /** The request as it is prefilled: one token, not streamed. */
  prefillBody(body: Uint8Array): Uint8Array;
  /** Null when the answer does not say where the cache is: the decode would have to prefill itself. */
  decodeBody(body: Uint8Array, prefillAnswer: Uint8Array): Uint8Array | null;
}
