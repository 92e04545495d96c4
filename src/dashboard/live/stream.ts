import { FrameReader } from "./frame-reader.ts";
import { type Message, isEvent } from "./state.ts";

/** The server speaks once a second; so long a silence is worth saying. */
const SILENCE_MS = 5000;
const RETRY_MS = 2000;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/**
 * Follows the event stream at `url`, for ever: a connection that ends is opened anew, unless the gateway wants another
 * key, or answers nobody from here.
 * @param key the gateway's operator key; null for none. `EventSource` could not send it.
 * @returns the way to stop
 */
export function follow(url: string, key: string | null, send: (message: Message) => void): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  let silence: number | undefined;

  function listenForSilence(): void {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => send({ type: "connection", value: "silent" }), SILENCE_MS);
  }

  /** @returns whether it may be tried again */
  async function readStream(): Promise<boolean> {
    const response = await fetch(url, { headers, signal, cache: "no-store" });
    if (response.status === UNAUTHORIZED || response.status === FORBIDDEN) {
      send({ type: "connection", value: response.status === UNAUTHORIZED ? "locked" : "barred" });
      return false;
    }
    if (!response.ok || response.body === null) return true;
    listenForSilence();
    const frames = new FrameReader();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      for (const { event, data } of frames.read(next.value)) {
        if (!isEvent(event)) continue;
        send({ type: event, value: JSON.parse(data) as unknown, atMs: Date.now() } as Message);
        listenForSilence();
      }
    }
    return true;
  }

  async function readOn(): Promise<void> {
    while (!signal.aborted) {
      const again = await readStream().catch(() => true);
      window.clearTimeout(silence);
      if (!again || signal.aborted) return;
      send({ type: "connection", value: "lost" });
      await new Promise((resolve) => window.setTimeout(resolve, RETRY_MS));
    }
  }

  void readOn();
  return () => stopped.abort();
}
