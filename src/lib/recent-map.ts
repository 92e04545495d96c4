/** A map that holds the newest entries only. What is set again is new again. */
export class RecentMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #most: number;
  readonly #weigh: (value: V) => number;
  readonly #dropped: (value: V) => void;
  #weight = 0;

  /**
   * @param most    weight of all together, at most
   * @param weigh   that of an entry; without it most is a number of entries
   * @param dropped receives what makes room for others
   */
  constructor(most: number, weigh: (value: V) => number = () => 1, dropped: (value: V) => void = () => {}) {
    this.#most = most;
    this.#weigh = weigh;
    this.#dropped = dropped;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#take(key);
    this.#entries.set(key, value);
    this.#weight += this.#weigh(value);
    for (const [oldest, held] of this.#entries) {
      if (this.#weight <= this.#most) return;
      this.#take(oldest);
      this.#dropped(held);
    }
  }

  values(): Iterable<V> {
    return this.#entries.values();
  }

  #take(key: K): void {
    const held = this.#entries.get(key);
    if (held === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weigh(held);
  }
}
