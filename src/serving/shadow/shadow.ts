import type { ModelPlace } from "../models/model-place.ts";

/** Where copies of a model's requests go, and of which. */
export class Shadow {
  readonly place: ModelPlace;
  readonly #part: number;
  #owed = 0;

  /** @param part of the requests, 0 to 1 */
  constructor(place: ModelPlace, part: number) {
    this.place = place;
    this.#part = part;
  }

  /** Whether one more request is to be copied: of many exactly the part. */
  due(): boolean {
    this.#owed += this.#part;
    // What rounding lacks of one.
    if (this.#owed < 1 - 1e-9) return false;
    this.#owed--;
    return true;
  }
}
