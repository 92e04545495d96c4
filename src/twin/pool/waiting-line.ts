/** What waits, in turn. */
export class WaitingLine<T> {
  #items: T[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** There is one. */
  get first(): T {
    return this.#items[this.#first];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  pushFirst(item: T): void {
    if (this.#first > 0) this.#items[--this.#first] = item;
    else this.#items.unshift(item);
  }

  shift(): void {
    this.#first++;
    if (this.#first * 2 < this.#items.length) return;
    this.#items.splice(0, this.#first);
    this.#first = 0;
  }

  /** Takes out what waits somewhere. */
  remove(item: T): void {
    const at = this.#items.indexOf(item, this.#first);
    if (at >= 0) this.#items.splice(at, 1);
  }

  /** Everything, in turn; nothing waits any more. */
  takeAll(): T[] {
    const all = this.#items.slice(this.#first);
    this.#items = [];
    this.#first = 0;
    return all;
  }
}
