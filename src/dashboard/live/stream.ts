import { FrameReader } from "./frame-reader.ts";
import { now } from "./page-clock.ts";
import { type SilenceWatch, WAITS, silenceWatch } from "./silence-watch.ts";
import { type Message, isEvent } from "./state.ts";

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/**
 * Follows the event stream at `url`, until it is stopped: a connection that ends, or says nothing for long, is opened
 * anew, unless the gateway wants another key, or answers nobody from here.
 * @param key the gateway's operator key; null for none. `EventSource` could not send it.
 * @returns the way to stop
 */
export function follow(
  url: string,
  key: string | null,
  send: (message: Message) => void,
  waits = WAITS,
): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  const headers: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` };

  /** @returns whether it may be tried again */
  async function readStream(watch: SilenceWatch): Promise<boolean> {
    const either = AbortSignal.any([signal, watch.dead]);
    const response = await fetch(url, { headers, signal: either, cache: "no-store" });
    if (response.status === UNAUTHORIZED || response.status === FORBIDDEN) {
      send({ type: "connection", value: response.status === UNAUTHORIZED ? "locked" : "barred" });
      return false;
    }
    if (!response.ok || response.body === null) return true;
    watch.heard();
    const frames = new FrameReader();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      // What is long is on its way for a while.
      watch.heard();
      for (const { event, data } of frames.read(next.value))
        if (isEvent(event)) send({ type: event, value: JSON.parse(data) as unknown, atMs: now() } as Message);
    }
    return true;
  }

  async function readOn(): Promise<void> {
    while (!signal.aborted) {
      const watch = silenceWatch(waits, () => send({ type: "connection", value: "silent" }));
      const again = await readStream(watch).catch(() => true);
      watch.end();
      if (!again || signal.aborted) return;
      send({ type: "connection", value: "lost" });
      await new Promise((resolve) => setTimeout(resolve, waits.retry));
    }
  }

  void readOn();
  return () => stopped.abort();
}
