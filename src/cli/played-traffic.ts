import type { OwnTraffic } from "../model/simulation.ts";
import type { TraceRequest } from "../model/traffic.ts";

/** What a player plays: requests in their order, each at its own time. */
export interface PlayedTraffic {
  readonly name: string;
  /** When its last request comes; null where it is made up without end. */
  readonly lengthMs: number | null;
  /** The next request, which stays the next until `take`; null at the end. */
  peek(): TraceRequest | null;
  take(): void;
  /** The next is the first from that time on. Of traffic that is made up: from its beginning, whatever the time. */
  seek(atMs: number): void;
  /** How often each request is sent from the next on. Of traffic that is made up, it is always once. */
  setTimes(times: number): void;
  /** How fast its time goes, of traffic so many times as much. */
  rate(speed: number, factor: OwnTraffic["factor"]): number;
}

/** Made up as it goes: more of it is the same in less time. @param begin the same requests at every call */
export class MadeUpTraffic implements PlayedTraffic {
  readonly name: string;
  readonly lengthMs = null;
  readonly #begin: () => Iterable<TraceRequest>;
  #requests: Iterator<TraceRequest>;
  #next: TraceRequest | null = null;

  constructor(name: string, begin: () => Iterable<TraceRequest>) {
    this.name = name;
    this.#begin = begin;
    this.#requests = begin()[Symbol.iterator]();
    this.take();
  }

  peek(): TraceRequest | null {
    return this.#next;
  }

  take(): void {
    const next = this.#requests.next();
    this.#next = next.done === true ? null : next.value;
  }

  seek(): void {
    this.#requests = this.#begin()[Symbol.iterator]();
    this.take();
  }

  setTimes(): void {}

  rate(_speed: number, factor: number): number {
    return factor;
  }
}

/**
 * A trace: its time is its own, and more of it is some requests again, between their time and the next one's; less of it
 * leaves some out, evenly.
 */
export class TraceTraffic implements PlayedTraffic {
  readonly name: string;
  readonly lengthMs: number;
  readonly #trace: readonly TraceRequest[];
  #times = 1;
  #index = 0;
  /** What of a whole request is due by now, in parts. */
  #due = 0;
  /** Of the request at the index: how often it is sent, and how often it was. */
  #copies = 0;
  #sent = 0;

  /** @param trace in the order of its times, one request at least */
  constructor(name: string, trace: readonly TraceRequest[]) {
    this.name = name;
    this.#trace = trace;
    this.lengthMs = Math.floor(trace.at(-1)?.arrivalMs ?? 0);
    this.#arrive();
  }

  peek(): TraceRequest | null {
    const request = this.#trace.at(this.#index);
    if (request === undefined || this.#sent === 0) return request ?? null;
    const gap = (this.#trace.at(this.#index + 1)?.arrivalMs ?? request.arrivalMs) - request.arrivalMs;
    return { ...request, arrivalMs: request.arrivalMs + (gap * this.#sent) / this.#copies };
  }

  take(): void {
    if (++this.#sent < this.#copies) return;
    this.#index++;
    this.#arrive();
  }

  seek(atMs: number): void {
    const first = this.#trace.findIndex(({ arrivalMs }) => arrivalMs >= atMs);
    this.#index = first < 0 ? this.#trace.length : first;
    this.#due = 0;
    this.#arrive();
  }

  setTimes(times: number): void {
    this.#times = times;
  }

  rate(speed: number): number {
    return speed;
  }

  /** At a request that is sent once at least, or at the end. */
  #arrive(): void {
    this.#sent = 0;
    for (; this.#index < this.#trace.length; this.#index++) {
      // In thousandths: tenths of a request add up to a whole one.
      this.#due = Math.round(1000 * (this.#due + this.#times)) / 1000;
      this.#copies = Math.floor(this.#due);
      this.#due -= this.#copies;
      if (this.#copies > 0) return;
    }
  }
}
