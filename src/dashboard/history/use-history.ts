import { useEffect, useRef, useState } from "preact/hooks";
import { now } from "../live/page-clock.ts";
import { repeatedly } from "../live/repeatedly.ts";
import { askHistory } from "./ask-history.ts";
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
    setShown(nothing(range, anchor, ahead.current));
    return repeatedly(range.everyMs, async (signal, stopped) => {
      const span = spanOf(range, anchor, now() + ahead.current);
      const stepMs = range.step * 1000;
      const last = rows.at(-1);
      const from = Math.max(span.from, last === undefined ? 0 : last.at - AGAIN_MS);
      const asked = Math.floor(from / stepMs) * stepMs;
      let fault: string | null = null;
      try {
        const { rows: fresh } = await askHistory(
          pool,
          key,
          { from: asked, to: span.to, step: range.step },
          signal,
        );
        rows = joined(rows, fresh, asked).filter((row) => row.at >= span.from);
      } catch (error) {
        fault = (error as Error).message;
      }
      if (!stopped.aborted) setShown({ span, live: anchor === null, rows, fault });
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

function nothing(range: Range, anchor: number | null, aheadMs: number): ShownHistory {
  return { span: spanOf(range, anchor, now() + aheadMs), live: anchor === null, rows: [], fault: null };
}
