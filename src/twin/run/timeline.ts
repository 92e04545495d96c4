import type { Clock } from "../../lib/clock.ts";
import type { Alarms } from "../../lib/alarms.ts";

interface Event {
  readonly atMs: number;
  readonly serial: number;
  /** Null once it is called off. */
  action: (() => void) | null;
}

/**
 * Virtual time: what is to happen, by time, and at one time in the order in which it was put there. A binary heap.
 * The clock stands at the event that happens, or happened last.
 */
export class Timeline implements Clock, Alarms {
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #serial = 0;

  now(): number {
    return this.#nowMs;
  }

  /** When the next event is; infinity where there is none. */
  get nextMs(): number {
    this.#dropCalledOff();
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** @param atMs what is past happens now @returns calls it off, where it has not happened yet */
  at(atMs: number, action: () => void): () => void {
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), serial: this.#serial++, action };
    this.#add(event);
    return () => {
      event.action = null;
    };
  }

  /** Lets the next event happen. @returns false where there is none */
  next(): boolean {
    this.#dropCalledOff();
    const event = this.#take();
    if (event === null) return false;
    this.#nowMs = event.atMs;
    event.action?.();
    return true;
  }

  #dropCalledOff(): void {
    while (this.#heap.length > 0 && this.#heap[0].action === null) this.#take();
  }

  #add(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(event, heap[above])) break;
      heap[at] = heap[above];
      at = above;
    }
    heap[at] = event;
  }

  #take(): Event | null {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined) return null;
    if (heap.length === 0) return last;
    const first = heap[0];
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.serial < b.serial);
}
