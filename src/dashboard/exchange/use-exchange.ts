import { useEffect, useState } from "preact/hooks";
import { askExchange } from "./ask-exchange.ts";
import type { ExchangeAnswer, NodeBlock } from "./exchange.ts";

/** As often as a pool's leader publishes it. */
const EVERY_MS = 5000;

/** What the answer is to: another question's block is not shown. */
interface Answered extends ExchangeAnswer {
  readonly from: number | null;
  readonly to: number | null;
}

/**
 * Who sends to whom, asked for while it is looked at.
 * @param block whose GPUs to ask for too; null for none
 * @returns undefined before the first answer; or why it is not to be had
 */
export function useExchange(
  pool: string,
  block: NodeBlock | null,
  key: string | null,
  open: boolean,
): Answered | string | undefined {
  const [found, setFound] = useState<Answered | string>();
  const { from = null, to = null } = block ?? {};
  useEffect(() => {
    if (!open) return;
    const stop = new AbortController();
    const asked = from === null && to === null ? null : { from, to };
    const look = async (): Promise<void> => {
      const answer = await askExchange(pool, asked, key, stop.signal)
        .then((known) => ({ ...known, from, to }))
        .catch((error: Error) => error.message);
      if (!stop.signal.aborted) setFound(answer);
    };
    void look();
    const timer = window.setInterval(() => void look(), EVERY_MS);
    return () => {
      window.clearInterval(timer);
      stop.abort();
    };
  }, [pool, from, to, key, open]);
  return found;
}
