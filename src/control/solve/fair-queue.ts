/**
 * What waits, a few places for all: clients take turns, and one that waits with less than others always finds a place.
 */
export class FairQueue<T> {
  readonly #places: number;
  /** By client, in the order of their turns; nobody waits with nothing. */
  readonly #waiting = new Map<string, T[]>();
  #size = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /**
   * @returns what has no place any more, for want of any: the last of the client that waits with the most, or `item`
   *          itself; null where there was room
   */
  push(client: string, item: T): T | null {
    const own = this.#waiting.get(client) ?? [];
    if (this.#size < this.#places) {
      this.#add(client, own, item);
      return null;
    }
    const [most, items] = this.#longest();
    if (items.length <= own.length + 1) return item;
    const displaced = items.pop() as T;
    this.#forget(most, items);
    this.#add(client, own, item);
    return displaced;
  }

  /** The first of the client whose turn it is; null when nobody waits. */
  shift(): T | null {
    const next = this.#waiting.entries().next();
    if (next.done === true) return null;
    const [client, items] = next.value;
    const item = items.shift() as T;
    this.#waiting.delete(client);
    this.#size--;
    if (items.length > 0) this.#waiting.set(client, items);
    return item;
  }

  /** Gives up its place, if it has one. */
  remove(client: string, item: T): void {
    const items = this.#waiting.get(client) ?? [];
    const at = items.indexOf(item);
    if (at < 0) return;
    items.splice(at, 1);
    this.#forget(client, items);
  }

  #add(client: string, items: T[], item: T): void {
    items.push(item);
    this.#waiting.set(client, items);
    this.#size++;
  }

  #forget(client: string, items: readonly T[]): void {
    this.#size--;
    if (items.length === 0) this.#waiting.delete(client);
  }

  #longest(): [string, T[]] {
    return [...this.#waiting].reduce((one, other) => (other[1].length > one[1].length ? other : one));
  }
}
