import type { Message } from "./state.ts";

/** The server speaks once a second; this long without a word is worth telling. */
const SILENCE_MS = 5000;
const RETRY_MS = 2000;
const EVENTS = ["history", "epoch", "report", "gone", "traffic"] as const;

/**
 * Follows the event stream at `url`, for ever: a connection that ends is opened anew.
 * @returns the way to stop
 */
export function follow(url: string, send: (message: Message) => void): () => void {
  let source: EventSource;
  let silence: number | undefined;
  let retry: number | undefined;

  function open(): void {
    source = new EventSource(url);
    source.addEventListener("error", () => {
      close();
      send({ type: "connection", value: "lost" });
      retry = window.setTimeout(open, RETRY_MS);
    });
    for (const type of EVENTS) {
      source.addEventListener(type, (event: MessageEvent<string>) => {
        send({ type, value: JSON.parse(event.data) as unknown, atMs: Date.now() } as Message);
        listenForSilence();
      });
    }
    listenForSilence();
  }

  function listenForSilence(): void {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => send({ type: "connection", value: "silent" }), SILENCE_MS);
  }

  function close(): void {
    window.clearTimeout(silence);
    window.clearTimeout(retry);
    source.close();
  }

  open();
  return close;
}
