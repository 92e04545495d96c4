import { InputError } from "../../lib/errors.ts";
import type { LoadReport } from "./load-report.ts";
import type { ReportShape } from "../messages/report-shape.ts";
import { type LoadMessage, encodeMessage } from "../messages/pool-message.ts";
import type { PoolStore } from "../store.ts";
import { RankWindows } from "./rank-windows.ts";
import { implausibility } from "./implausible-report.ts";

const FLUSH_MS = 250;
/** Reports that wait for a store that does not answer; more push out the oldest. One of DeepSeek-V3 has 59 kB. */
const MOST_WAITING = 512;
/** A window that was reported to two gateways is counted once, if the two come within this time. */
const CLAIM_MS = 600_000;

export const VERDICTS = ["taken", "duplicate", "late", "implausible", "dropped"] as const;
/** `dropped`: taken, and given up since the store did not answer for too long. */
export type Verdict = (typeof VERDICTS)[number];

export interface LoadInboxOptions {
  readonly store: Pick<PoolStore, "claim" | "send">;
  readonly gateway: string;
  readonly shape: ReportShape;
  /** Experts a token is routed to in each layer. */
  readonly topk: number;
}

/** What was counted and is not sent yet. */
interface Owed {
  readonly tokens: Float64Array;
  readonly signs: Signs;
  spanMs: number;
}

type Sign = LoadMessage["reported"][number];

/** Ranks that have reported, in the order their incarnations came; of each, the longest window. */
class Signs {
  readonly #signs = new Map<string, Sign>();

  add({ rank, incarnation, windowMs }: Sign): void {
    const key = `${rank}:${incarnation}`;
    const longest = Math.max(windowMs, this.#signs.get(key)?.windowMs ?? 0);
    this.#signs.set(key, { rank, windowMs: longest, incarnation });
  }

  /** Takes all of these behind its own. */
  addAll(others: Signs): void {
    for (const sign of others.list) this.add(sign);
  }

  get list(): readonly Sign[] {
    return [...this.#signs.values()];
  }
}

/**
 * Loads that ranks have reported to this gateway, on their way to the pool's leader: summed, so that a thousand reports
 * a second become four messages. What the store does not take is kept and sent when it does, up to a bound. Every report
 * that can be true is a sign of life of its rank, also where its counts come late or again.
 */
export class LoadInbox {
  readonly #options: LoadInboxOptions;
  readonly #windows = new Map<number | null, RankWindows>();
  readonly #counts: Record<Verdict, number> = { taken: 0, duplicate: 0, late: 0, implausible: 0, dropped: 0 };
  #waiting: LoadReport[] = [];
  #signs = new Signs();
  #owed: Owed | null = null;
  #timer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> | null = null;

  constructor(options: LoadInboxOptions) {
    this.#options = options;
  }

  get shape(): ReportShape {
    return this.#options.shape;
  }

  /** Reports so far, by what became of them. */
  get counts(): Readonly<Record<Verdict, number>> {
    return this.#counts;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
  }

  /** What waits is sent, if the store takes it. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#flushing;
    await this.flush();
  }

  /**
   * Counts a report in, later; its counts are the inbox's from now on.
   * @throws InputError for one that cannot be true
   */
  take(report: LoadReport): "taken" | "duplicate" | "late" {
    const { shape, topk } = this.#options;
    const implausible = implausibility(report, shape, topk);
    if (implausible !== null) {
      this.#counts.implausible++;
      throw new InputError("body", "logical_count", `${implausible}; nothing of it was counted`);
    }
    const { rank, incarnation, window, windowMs } = report;
    if (rank !== null) this.#signs.add({ rank, incarnation, windowMs });
    const known = window === null ? "new" : this.#windowsOf(rank).take(incarnation, window);
    if (known !== "new") {
      this.#counts[known]++;
      return known;
    }
    this.#counts.taken++;
    this.#waiting.push(report);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.#counts.dropped++;
    }
    return "taken";
  }

  /** Sends what has come. Resolves when the store has taken it, or does not answer. */
  flush(): Promise<void> {
    this.#flushing ??= this.#send().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #send(): Promise<void> {
    const { store, gateway } = this.#options;
    try {
      await this.#count();
      if (this.#owed === null) return;
      const { tokens, signs, spanMs } = this.#owed;
      const message = encodeMessage({
        kind: "load",
        from: gateway,
        sampled: false,
        reported: signs.list,
        spanMs,
        tokens: Float32Array.from(tokens),
      });
      this.#owed = null;
      try {
        await store.send(message, null);
      } catch {
        // Nothing has come in between: one flush at a time.
        this.#owed = { tokens, signs, spanMs };
      }
    } catch {
      // The store does not answer, and says so itself; what waits is claimed the next time.
    }
  }

  /** Sums up what nobody else has sent. */
  async #count(): Promise<void> {
    const reports = this.#waiting;
    if (reports.length === 0 && this.#signs.list.length === 0) return;
    const named = reports.filter(({ window }) => window !== null);
    const names = named.map(
      ({ rank, incarnation, window }) => `${rank ?? "pool"}:${incarnation ?? 0}:${window}`,
    );
    const claimed = names.length === 0 ? [] : await this.#options.store.claim(names, CLAIM_MS);
    // More may have come while the store was asked.
    this.#waiting = this.#waiting.filter((report) => !reports.includes(report));
    const owed = (this.#owed ??= this.#nothing());
    owed.signs.addAll(this.#signs);
    this.#signs = new Signs();
    const spans = new Map<number | null, number>();
    let next = 0;
    for (const report of reports) {
      const { rank, window, windowMs, counts } = report;
      if (window !== null && !claimed[next++]) {
        this.#counts.taken--;
        this.#counts.duplicate++;
        continue;
      }
      for (let i = 0; i < owed.tokens.length; i++) owed.tokens[i] += counts[i];
      spans.set(rank, (spans.get(rank) ?? 0) + windowMs);
    }
    owed.spanMs += Math.max(0, ...spans.values());
  }

  #nothing(): Owed {
    const { layers, experts } = this.#options.shape;
    return { tokens: new Float64Array(layers * experts), signs: new Signs(), spanMs: 0 };
  }

  #windowsOf(rank: number | null): RankWindows {
    let windows = this.#windows.get(rank);
    if (windows === undefined) this.#windows.set(rank, (windows = new RankWindows()));
    return windows;
  }
}
