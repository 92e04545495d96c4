import { InputError } from "../../lib/errors.ts";
import type { LoadReport } from "./load-report.ts";
import type { ReportShape } from "../messages/report-shape.ts";
import { encodeMessage } from "../messages/pool-message.ts";
import type { EngineWindow } from "../messages/engine-window.ts";
import { type ReceivedCounts, receivedCounts } from "../messages/received-counts.ts";
import type { SentRow } from "../messages/sent-row.ts";
import type { PoolStore } from "../store.ts";
import { RankSigns } from "./rank-signs.ts";
import { RankWindows } from "./rank-windows.ts";
import type { SentRows } from "./sent-rows.ts";
import { implausibility } from "./implausible-report.ts";
import { windowOfEngine } from "./window-of-engine.ts";

const FLUSH_MS = 250;
/** Reports that wait for a store that does not answer, claimed or not; more push out the oldest. One of DeepSeek-V3 has 59 kB. */
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
  /** Of a rank. */
  readonly slotsPerGpu: number;
  /** Experts a token is routed to in each layer. */
  readonly topk: number;
  /** Works out which destinations source ranks send to; null where nobody is shown it. */
  readonly sentRows: SentRows | null;
}

/** What was counted and is not sent yet. */
interface Owed {
  /** What was counted at the source, summed. */
  readonly tokens: Float64Array;
  /** What was counted where it was received: the leader has to know of which rank it is. */
  readonly received: ReceivedCounts[];
  readonly engines: EngineWindow[];
  /** The latest of each rank. */
  readonly sent: Map<number, SentRow>;
  readonly signs: RankSigns;
  spanMs: number;
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
  #signs = new RankSigns();
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
    const implausible = implausibility(report, this.#options);
    if (implausible !== null) {
      this.#counts.implausible++;
      throw new InputError("body", "logical_count", `${implausible}; nothing of it was counted`);
    }
    const { rank, incarnation, window, windowMs, counted } = report;
    if (rank !== null) this.#signs.add({ rank, incarnation, windowMs, counted });
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
      const owed = this.#owed;
      const { tokens, received, engines, sent, signs, spanMs } = owed;
      const message = encodeMessage({
        kind: "load",
        from: gateway,
        sampled: false,
        reported: signs.list,
        spanMs,
        tokens: Float32Array.from(tokens),
        received,
        engines,
        sent: [...sent.values()],
      });
      this.#owed = null;
      try {
        await store.send(message, null);
      } catch {
        // Nothing has come in between: one flush at a time.
        this.#owed = owed;
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
    this.#signs = new RankSigns();
    const spans = new Map<number | null, number>();
    let next = 0;
    for (const report of reports) {
      const { rank, window, windowMs, counted, counts, engine } = report;
      if (window !== null && !claimed[next++]) {
        this.#counts.taken--;
        this.#counts.duplicate++;
        continue;
      }
      if (engine !== null) owed.engines.push(windowOfEngine(engine, windowMs, counts));
      if (rank !== null && counted === "received") {
        owed.received.push(receivedCounts(rank, windowMs, counts));
        continue;
      }
      for (let i = 0; i < owed.tokens.length; i++) owed.tokens[i] += counts[i];
      if (rank !== null) this.#options.sentRows?.add(rank, windowMs, counts);
      spans.set(rank, (spans.get(rank) ?? 0) + windowMs);
    }
    for (const row of this.#options.sentRows?.take() ?? []) owed.sent.set(row.rank, row);
    owed.spanMs += Math.max(0, ...spans.values());
    owed.engines.splice(0, owed.engines.length - MOST_WAITING);
    const more = owed.received.length - MOST_WAITING;
    if (more <= 0) return;
    owed.received.splice(0, more);
    this.#counts.dropped += more;
  }

  #nothing(): Owed {
    const { layers, experts } = this.#options.shape;
    return {
      tokens: new Float64Array(layers * experts),
      received: [],
      engines: [],
      sent: new Map(),
      signs: new RankSigns(),
      spanMs: 0,
    };
  }

  #windowsOf(rank: number | null): RankWindows {
    let windows = this.#windows.get(rank);
    if (windows === undefined) this.#windows.set(rank, (windows = new RankWindows()));
    return windows;
  }
}
