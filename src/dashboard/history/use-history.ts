import { useEffect, useRef, useState } from "preact/hooks";
import { now } from "../live/page-clock.ts";
import { repeatedly } from "../live/repeatedly.ts";
import { type HistoryQuestion, askHeld, askHistory } from "./ask-history.ts";
import type { HeldRow } from "./gpu-history-row.ts";
import { type HistoryFigures, type HistoryRow, joined } from "./history-row.ts";
import { type Range, type Span, anchorOf, spanOf } from "./ranges.ts";

/** Requests of ten seconds are counted when these are over, and stored some time later: so much is asked for again. */
const AGAIN_MS = 60_000;
const HOUR_MS = 3_600_000;
const HOUR_EVERY_MS = 10_000;

export interface ShownHistory {
  readonly span: Span;
  /** It goes on until now. */
  readonly live: boolean;
  /** The oldest first. */
  readonly rows: readonly HistoryRow[];
  /** What steps waited for. */
  readonly gpus: readonly HeldRow[];
  /** Why it may be old, for a person; null while it is not. */
  readonly fault: string | null;
}

/**
 * A pool's rows of the time that is shown; asked for again as time passes.
 * @param at a moment that is past, or null
 * @param aheadMs of the gateway's clock, by which all times are
 */
export function useHistory(
  pool: string,
  key: string | null,
  range: Range,
  at: number | null,
  aheadMs: number,
): ShownHistory {
  const ahead = useRef(aheadMs);
  ahead.current = aheadMs;
  const before = useRef<number | null>(null);
  const anchor = anchorOf(range, before.current, at, now() + aheadMs);
  before.current = anchor;
  const [shown, setShown] = useState<ShownHistory>(() => nothing(range, anchor, aheadMs));
  useEffect(() => {
    let rows: readonly HistoryRow[] = [];
    let gpus: readonly HeldRow[] = [];
    setShown(nothing(range, anchor, ahead.current));
    return repeatedly(range.everyMs, async (signal, stopped) => {
      const span = spanOf(range, anchor, now() + ahead.current);
      let fault: string | null = null;
      try {
        rows = await withNew(rows, span, range.step, (asked) => askRows(pool, key, asked, signal));
        gpus = await withNew(gpus, span, range.gpuStep, (asked) => askHeld(pool, key, asked, signal));
      } catch (error) {
        fault = (error as Error).message;
      }
      if (!stopped.aborted) setShown({ span, live: anchor === null, rows, gpus, fault });
    });
  }, [pool, key, range, anchor]);
  return shown;
}

/** A pool's last hour as one row; null before it is known. */
export function useLastHour(pool: string, key: string | null, aheadMs: number): HistoryFigures | null {
  const [hour, setHour] = useState<HistoryFigures | null>(null);
  useEffect(
    () =>
      repeatedly(HOUR_EVERY_MS, async (signal) => {
        const to = now() + aheadMs;
        const answer = await askHistory(pool, key, { from: to - HOUR_MS, to, step: 3600 }, signal).catch(
          () => null,
        );
        if (answer !== null && !signal.aborted) setHour(answer.whole);
      }),
    [pool, key, aheadMs],
  );
  return hour;
}

const askRows = async (...asked: Parameters<typeof askHistory>) => (await askHistory(...asked)).rows;

/** What is known of the span that is shown, with what is new. @param step seconds of a row */
async function withNew<R extends { readonly at: number }>(
  known: readonly R[],
  { from, to }: Span,
  step: number,
  ask: (question: HistoryQuestion) => Promise<readonly R[]>,
): Promise<readonly R[]> {
  const last = known.at(-1);
  const since = Math.max(from, last === undefined ? 0 : last.at - AGAIN_MS);
  const asked = Math.floor(since / (step * 1000)) * step * 1000;
  const fresh = await ask({ from: asked, to, step });
  return joined(known, fresh, asked).filter(({ at }) => at >= from - step * 1000);
}

function nothing(range: Range, anchor: number | null, aheadMs: number): ShownHistory {
  return {
    span: spanOf(range, anchor, now() + aheadMs),
    live: anchor === null,
    rows: [],
    gpus: [],
    fault: null,
  };
}
