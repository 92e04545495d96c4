import { useEffect, useState } from "preact/hooks";
import { askGpusAt } from "./ask-history.ts";
import type { GpusThen } from "./gpu-history-row.ts";

/** The last seconds are stored some time later. */
const AGAIN_MS = 5000;
const STORED_AFTER_MS = 40_000;

const AWAITED: GpusThen = { row: null, awaited: true };

/** @param at a moment that is past, by the gateway's clock; null for none */
export function useGpusThen(
  pool: string,
  key: string | null,
  at: number | null,
  aheadMs: number,
): GpusThen | null {
  const [then, setThen] = useState<{ readonly at: number; readonly gpus: GpusThen } | null>(null);
  useEffect(() => {
    if (at === null) return;
    const stop = new AbortController();
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      const row = await askGpusAt(pool, key, at, stop.signal).catch(() => null);
      if (stop.signal.aborted) return;
      const awaited = row === null && Date.now() + aheadMs - at < STORED_AFTER_MS;
      setThen({ at, gpus: { row, awaited } });
      if (awaited) timer = window.setTimeout(() => void look(), AGAIN_MS);
    };
    void look();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [pool, key, at, aheadMs]);
  if (at === null) return null;
  // What was shown stays until the next is there, so that nothing jumps on the way through time.
  return then === null ? AWAITED : then.gpus;
}
