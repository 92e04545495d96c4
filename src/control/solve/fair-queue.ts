/**
 * What waits, a few places for all. The client that has cost the least goes first, and one that waits with less than
 * others always finds a place.
 */
export class FairQueue<T> {
  readonly #places: number;
  /** By client; nobody waits with nothing. */
  readonly #waiting = new Map<string, T[]>();
  /** What clients have cost since nobody waited. */
  readonly #costs = new Map<string, number>();
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

  /** The first of the client that has cost the least; null when nobody waits. */
  shift(): T | null {
    if (this.#size === 0) return null;
    const cost = ([client]: [string, T[]]) => this.#costs.get(client) ?? 0;
    const [client, items] = [...this.#waiting].reduce((one, other) =>
      cost(other) < cost(one) ? other : one,
    );
    const item = items.shift() as T;
    this.#forget(client, items);
    return item;
  }

  /** What its item, which waits no more, has cost. */
  charge(client: string, cost: number): void {
    if (this.#size === 0) this.#costs.clear();
    else this.#costs.set(client, cost + (this.#costs.get(client) ?? 0));
  }

  /** Whether anybody but this client waits. */
  othersThan(client: string): boolean {
    return this.#waiting.size > (this.#waiting.has(client) ? 1 : 0);
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
