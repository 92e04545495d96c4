import { CLAIMS_KEPT } from "../../control/store.ts";

/** Names that were claimed lately. */
export class Claims {
  /** When each is free again; the one claimed the longest ago first. */
  readonly #until = new Map<string, number>();

  /** @returns whether the name was free; it is claimed until `now + keepMs` */
  claim(name: string, now: number, keepMs: number): boolean {
    const free = !((this.#until.get(name) ?? Number.NEGATIVE_INFINITY) > now);
    this.#until.delete(name);
    this.#until.set(name, now + keepMs);
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size <= CLAIMS_KEPT) break;
      this.#until.delete(oldest);
    }
    return free;
  }
}
