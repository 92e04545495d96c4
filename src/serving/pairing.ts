import type { FieldPlaces } from "../lib/json-fields.ts";

/**
 * How a request is written when one shard prefills it and another decodes it; the engine that prefills knows.
 * Bodies are as clients wrote them: only their top level is known to be JSON.
 */
export type Pairing = TogetherPairing | InTurnPairing;

/** Both shards get the request at the same time, and find each other by what was added to it. */
export interface TogetherPairing {
  readonly kind: "together";
  /**
   * @param fields of the body, where that is known
   * @param prefillRank the prefilling shard's `rank` in its engine
   * @param bootstrapRoom an integer in [0, 2⁵³) that no other request in flight has
   * @throws Unpairable
   */
  pair(
    body: Uint8Array,
    fields: FieldPlaces | undefined,
    prefillRank: number,
    bootstrapRoom: number,
  ): TogetherPair;
}

export interface TogetherPair {
  readonly prefillBody: Uint8Array;
  /** Added to the decode's request. */
  readonly decodeFields: string;
}

/** The prefill is asked first; its whole answer (status 200) says where the decode finds the cache. */
export interface InTurnPairing {
  readonly kind: "in-turn";
  /**
   * The request as it is prefilled: one token, not streamed, without what only a whole answer can satisfy.
   * @param path the request's route, with its query
   * @param fields of the body, where that is known
   * @returns null for a request that the decode has to prefill itself
   */
  prefillBody(path: string, body: Uint8Array, fields?: FieldPlaces): Uint8Array | null;
  /**
   * Fields that are added to the decode's request; null when the answer does not say where the cache is: the decode
   * prefills the request itself.
   */
  decodeFields(prefillAnswer: Uint8Array): string | null;
}

/** No pair of servers of this kind can serve the request, and neither can one of them by itself. */
export class Unpairable extends Error {
  override readonly name = "Unpairable";
  /** The field of the body that asks for it. */
  readonly field: string;

  constructor(message: string, field: string) {
    super(message);
    this.field = field;
  }
}
