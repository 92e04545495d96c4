/**
 * A map that forgets: its entries are of two generations, and when the young ones weigh half of what it may hold, the
 * old ones go and the young ones are old. What is set is young. (To take the oldest entry out of a `Map` again and again
 * costs more the more were taken out.)
 */
export class RecentMap<K, V> {
  readonly #half: number;
  readonly #weigh: (value: V) => number;
  readonly #dropped: (value: V) => void;
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  #weight = 0;

  /**
   * @param most    weight of all together, at most
   * @param weigh   that of an entry; without it most is a number of entries
   * @param dropped receives what is forgotten
   */
  constructor(most: number, weigh: (value: V) => number = () => 1, dropped: (value: V) => void = () => {}) {
    this.#half = most / 2;
    this.#weigh = weigh;
    this.#dropped = dropped;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: K, value: V): void {
    const before = this.#young.get(key);
    if (before === undefined) this.#old.delete(key);
    else this.#weight -= this.#weigh(before);
    this.#young.set(key, value);
    this.#weight += this.#weigh(value);
    if (this.#weight < this.#half) return;
    for (const old of this.#old.values()) this.#dropped(old);
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
  }

  *values(): Iterable<V> {
    yield* this.#old.values();
    yield* this.#young.values();
  }
}
