import { useEffect, useState } from "preact/hooks";
import { askExchange } from "./ask-exchange.ts";
import type { Exchange } from "./exchange.ts";

/** As often as a pool's leader publishes it. */
const EVERY_MS = 5000;

/**
 * Who sends to whom, asked for while it is looked at.
 * @returns undefined before the first answer; null where nothing is published yet; or why it is not to be had
 */
export function useExchange(
  pool: string,
  key: string | null,
  open: boolean,
): Exchange | string | null | undefined {
  const [found, setFound] = useState<Exchange | string | null>();
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    const look = async (): Promise<void> => {
      const answer = await askExchange(pool, key, stop.signal).catch((error: Error) => error.message);
      if (!stop.signal.aborted) setFound(answer);
    };
    void look();
    const timer = window.setInterval(() => void look(), EVERY_MS);
    return () => {
      window.clearInterval(timer);
      stop.abort();
    };
  }, [pool, key, open]);
  return found;
}
