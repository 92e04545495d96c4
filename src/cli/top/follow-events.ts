import { setTimeout as pause } from "node:timers/promises";
import { FrameReader } from "../../dashboard/live/frame-reader.ts";
import { type SilenceWatch, WAITS, silenceWatch } from "../../dashboard/live/silence-watch.ts";
import { type Message, NOTHING_YET, type State, isEvent, receive } from "../../dashboard/live/state.ts";
import type { GatewayClient } from "../plan/running-pool/gateway-client.ts";

/**
 * Follows what a gateway publishes, until it is stopped: what was read before stays where the connection ends or says
 * nothing for long, and it is opened anew.
 * @param onState receives each state, the first once there is one
 * @throws InputError where the gateway was never reached, in one line
 */
export async function followEvents(
  client: Pick<GatewayClient, "stream">,
  signal: AbortSignal,
  onState: (state: State) => void,
  waits = WAITS,
): Promise<void> {
  let state = NOTHING_YET;
  const take = (message: Message) => {
    state = receive(state, message);
    onState(state);
  };
  while (!signal.aborted) {
    const watch = silenceWatch(waits, () => take({ type: "connection", value: "silent" }));
    try {
      await readStream(client, AbortSignal.any([signal, watch.dead]), watch, take);
    } catch (error) {
      if (signal.aborted) return;
      if (state.receivedAtMs === null) throw error;
    } finally {
      watch.end();
    }
    if (signal.aborted) return;
    take({ type: "connection", value: "lost" });
    await pause(waits.retry, null, { signal }).catch(() => {});
  }
}

async function readStream(
  client: Pick<GatewayClient, "stream">,
  signal: AbortSignal,
  watch: SilenceWatch,
  take: (message: Message) => void,
): Promise<void> {
  const frames = new FrameReader();
  const decoder = new TextDecoder();
  for await (const bytes of await client.stream("/ep/v1/events", signal)) {
    watch.heard();
    for (const { event, data } of frames.read(decoder.decode(bytes, { stream: true })))
      if (isEvent(event))
        take({ type: event, value: JSON.parse(data) as unknown, atMs: Date.now() } as Message);
  }
}
