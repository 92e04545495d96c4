const INTERRUPTED = 130;

/**
 * Runs `work` until it ends; the first SIGINT or SIGTERM aborts its signal, a second one ends the process.
 * @param hangup the terminal's end aborts it too
 *
 * The listener stays while `work` runs: log-update restores the cursor through signal-exit, which kills the
 * process when a signal finds no listener but its own, as after `process.once`.
 */
export async function stoppable<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { hangup = false } = {},
): Promise<T> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    stop.abort();
  };
  const onHangup = (): void => stop.abort();
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  if (hangup) process.on("SIGHUP", onHangup);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onHangup);
  }
}
