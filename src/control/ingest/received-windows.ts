import type { Placement } from "../../model/placement.ts";
import type { ReceivedCounts } from "../messages/received-counts.ts";
import { HeldExperts } from "./held-experts.ts";
import { median } from "./median.ts";
import { RankSums } from "./rank-sums.ts";
import { type ReceivedWindow, receivedWindow } from "./received-window.ts";
import { UsualLoad } from "./usual-load.ts";

/** A window waits no longer for ranks than those that report take for so many of theirs. */
const PATIENCE = 4;

/**
 * Puts together what ranks have received, as it comes from any gateway in any order, to windows of the whole pool. One
 * is over when every rank that holds experts has reported and what they say agrees; or, after some of the ranks' own
 * windows, as it is. Who is missing then is not waited for again until it reports.
 */
export class ReceivedWindows {
  readonly #shape: readonly [number, number];
  readonly #sums = new RankSums();
  readonly #held = new HeldExperts();
  readonly #usual: UsualLoad;
  readonly #silent = new Set<number>();
  /** The last window of each rank that is waited for, ms. */
  readonly #windowMs = new Map<number, number>();

  constructor(layers: number, experts: number) {
    this.#shape = [layers, experts];
    this.#usual = new UsualLoad(layers, experts);
  }

  receive(counts: ReceivedCounts): void {
    this.#silent.delete(counts.rank);
    this.#windowMs.set(counts.rank, counts.windowMs);
    this.#sums.add(counts);
  }

  /** The placement in force from now on. */
  place(placement: Placement): void {
    this.#held.place(placement);
  }

  /** Null while it waits, and where too little is known. */
  take(): ReceivedWindow | null {
    const { ranks } = this.#sums;
    const holders = this.#held.ranks;
    if (ranks.size === 0 || holders.size === 0) return null;
    const awaited = [...holders].some((rank) => !ranks.has(rank) && !this.#silent.has(rank));
    const late = this.#isLate();
    if (awaited && !late) return null;
    const window = receivedWindow(ranks, this.#held, this.#usual, this.#shape);
    const agreed = window !== null && window.implausible.length + window.implausibleLayers.length === 0;
    // At the ends of short windows layers differ by what was under way.
    if (!agreed && !late) return null;
    for (const rank of [...holders, ...this.#windowMs.keys()])
      if (!ranks.has(rank)) this.#stopWaitingFor(rank);
    this.#held.endWindow();
    this.clear();
    if (window !== null) this.#usual.observe(window.tokens, window.spanMs);
    return window;
  }

  /** Forgets what has come for the next window. */
  clear(): void {
    this.#sums.clear();
  }

  /** By most ranks: one that reports an hour at once neither ends the others' window nor holds it up for hours. */
  #isLate(): boolean {
    const spans = [...this.#sums.ranks.values()].map(({ spanMs }) => spanMs);
    return median(spans) >= PATIENCE * median(this.#windowMs.values());
  }

  #stopWaitingFor(rank: number): void {
    this.#silent.add(rank);
    this.#windowMs.delete(rank);
  }
}
