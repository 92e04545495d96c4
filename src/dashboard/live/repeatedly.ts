/** An answer that takes longer does not come: the network may have gone meanwhile. */
const LATE_MS = 30_000;

/**
 * Does it now, and again so long after it is done. While nobody sees the page it waits, and is then done at once.
 * @param action is given up when its signal is aborted: when it is late, or `stopped`
 * @returns the way to stop
 */
export function repeatedly(
  everyMs: number,
  action: (signal: AbortSignal, stopped: AbortSignal) => Promise<void>,
): () => void {
  const stop = new AbortController();
  let timer: number | undefined;
  const go = async (): Promise<void> => {
    await action(AbortSignal.any([stop.signal, AbortSignal.timeout(LATE_MS)]), stop.signal);
    if (!stop.signal.aborted) timer = window.setTimeout(due, everyMs);
  };
  const due = (): void => {
    if (document.hidden)
      document.addEventListener("visibilitychange", due, { once: true, signal: stop.signal });
    else void go();
  };
  void go();
  return () => {
    stop.abort();
    window.clearTimeout(timer);
  };
}
