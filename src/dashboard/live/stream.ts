import { FrameReader } from "./frame-reader.ts";
import { now } from "./page-clock.ts";
import { type Message, isEvent } from "./state.ts";

/** How long the stream waits, milliseconds. */
interface Waits {
  /** The server speaks once a second; so long a silence is worth saying. */
  readonly silence: number;
  /** A connection that says nothing for so long is given up, also while it is opened: what was between is gone. */
  readonly dead: number;
  readonly retry: number;
}

const WAITS: Waits = { silence: 5000, dead: 20_000, retry: 2000 };
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

/** Watches one connection. */
interface SilenceWatch {
  readonly dead: AbortSignal;
  /** Both waits begin again; before the first time only that for `dead` runs. */
  heard(): void;
  end(): void;
}

function silenceWatch(waits: Waits, silent: () => void): SilenceWatch {
  const dead = new AbortController();
  const late = () => setTimeout(() => dead.abort(), waits.dead);
  const quiet = () => setTimeout(silent, waits.silence);
  let [death, silence]: (ReturnType<typeof late> | undefined)[] = [late(), undefined];
  const end = () => {
    clearTimeout(death);
    clearTimeout(silence);
  };
  const heard = () => {
    end();
    death = late();
    silence = quiet();
  };
  return { dead: dead.signal, heard, end };
}
