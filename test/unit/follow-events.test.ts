import { expect, test } from "vitest";
import { followEvents } from "../../src/cli/top/follow-events.ts";
import { patiently } from "../patiently.ts";

const WAITS = { silence: 20, dead: 60, retry: 1 };

/** A gateway that speaks once on each connection, and then no more. */
async function* once(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield Buffer.from("event: gateway\ndata: {}\n\n");
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("given up")), { once: true });
  });
}

test("a connection that says nothing any more is given up, and another is opened", async () => {
  const stop = new AbortController();
  const said: string[] = [];
  let opened = 0;
  const stream = async (_path: string, signal: AbortSignal) => {
    opened++;
    return once(signal);
  };
  const over = followEvents({ stream }, stop.signal, ({ connection }) => said.push(connection), WAITS);
  await expect.poll(() => opened, patiently).toBeGreaterThan(1);
  stop.abort();
  await over;
  expect(said.slice(0, 3)).toEqual(["live", "silent", "lost"]);
});

test("a gateway that takes connections and answers none is a fault in one line", async () => {
  const stream = (_path: string, signal: AbortSignal) =>
    new Promise<AsyncIterable<Uint8Array>>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  const never = new AbortController();
  await expect(followEvents({ stream }, never.signal, () => {}, WAITS)).rejects.toThrow(/says nothing/);
});
