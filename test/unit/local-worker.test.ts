import type { Worker } from "node:cluster";
import { expect, test } from "vitest";
import { chatPool, readConfig } from "../../harness/fakes/start-gateway.ts";
import { LocalWorker } from "../../src/workers/local-worker.ts";
import type { PrimaryMessage } from "../../src/workers/messages.ts";

/** A process that is connected until it is told otherwise. */
function child() {
  const sent: PrimaryMessage[] = [];
  const state = { connected: true };
  const worker = {
    isConnected: () => state.connected,
    send: (message: PrimaryMessage) => sent.push(message),
  };
  return { worker: worker as unknown as Worker, sent, state };
}

test("reloads are answered in their order; one that cannot says so, and one that is gone needs none", async () => {
  const config = await readConfig(chatPool("http://127.0.0.1:9"));
  const { worker: process, sent, state } = child();
  const worker = new LocalWorker(process, 0);
  const answers = [worker.reload(config), worker.reload(config), worker.reload(config)];
  expect(sent.map(({ kind }) => kind)).toEqual(["reload", "reload", "reload"]);
  worker.epochs.set("chat", 3);
  worker.reloaded(true);
  // Its new pools have none of the epochs that it was sent.
  expect(worker.epochs.size).toBe(0);
  worker.reloaded(false);
  worker.gone();
  state.connected = false;
  expect(await Promise.all([...answers, worker.reload(config)])).toEqual([true, false, true, true]);
  expect(sent).toHaveLength(3);
});
