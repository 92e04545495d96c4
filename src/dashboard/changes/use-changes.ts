import { useEffect, useState } from "preact/hooks";
import { askChange, askForecast } from "./ask-changes.ts";
import type { Forecast } from "./forecast.ts";
import { type ReadChange, readChange } from "./placement-change.ts";

const AGAIN_MS = 5000;

/** A change; why there is none; or null while it is awaited. */
export type ShownChange = ReadChange | string | null;

/**
 * What a decision changed.
 * @param decision null where nobody looks
 * @param reached  is another when the decision has come further: it is asked anew
 */
export function useChange(
  pool: string,
  decision: number | null,
  reached: string,
  key: string | null,
): ShownChange {
  const [found, setFound] = useState<{ readonly of: string; readonly shown: ShownChange } | null>(null);
  const of = `${pool} ${decision}`;
  useEffect(() => {
    if (decision === null) return undefined;
    return untilDone(async (signal) => {
      const said = await askChange(pool, decision, key, signal);
      setFound({ of, shown: typeof said === "string" ? said : readChange(said) });
    });
  }, [pool, decision, reached, key, of]);
  return found?.of === of ? found.shown : null;
}

/** The load that the placement in force was made for. @param placed is another when another is in force */
export function useForecast(pool: string, placed: number, key: string | null): Forecast | null {
  const [found, setFound] = useState<{ readonly pool: string; readonly said: Forecast | null } | null>(null);
  useEffect(
    () =>
      untilDone(async (signal) => {
        const said = await askForecast(pool, key, signal);
        setFound({ pool, said });
      }),
    [pool, placed, key],
  );
  return found?.pool === pool ? found.said : null;
}

/** Again, where it fails. @returns the way to stop */
function untilDone(action: (signal: AbortSignal) => Promise<void>): () => void {
  const stop = new AbortController();
  let timer: number | undefined;
  const attempt = (): void => {
    action(stop.signal).catch(() => {
      if (!stop.signal.aborted) timer = window.setTimeout(attempt, AGAIN_MS);
    });
  };
  attempt();
  return () => {
    window.clearTimeout(timer);
    stop.abort();
  };
}
