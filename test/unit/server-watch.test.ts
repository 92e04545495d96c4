import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Config } from "../../src/config/config.ts";
import type { FoundServers } from "../../src/discovery/found-servers.ts";
import { ServerNames } from "../../src/discovery/server-names.ts";
import { ServerWatch } from "../../src/discovery/server-watch.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A watch over what `set` finds, and the reloads that it has asked for. */
function watched() {
  let now = 0;
  let changed = () => {};
  const config = (): Config =>
    ({ pools: [{ kind: "simulated", name: `${now}` }], upstream: { resolveMs: 0 } }) as never;
  const found = {
    onChange: (listener: () => void) => void (changed = listener),
    expand: async () => config(),
    keep: async () => {},
  } as unknown as FoundServers;
  const reloads: { readonly to: string; readonly done: PromiseWithResolvers<void> }[] = [];
  const reload = ({ pools }: Config) => {
    const done = Promise.withResolvers<void>();
    reloads.push({ to: pools[0].name, done });
    return done.promise;
  };
  const faults: Error[] = [];
  const names = new ServerNames(
    async () => [],
    () => {},
  );
  const watch = new ServerWatch(
    { found, names, reload, onFault: (fault) => faults.push(fault), onNotice: () => {} },
    config(),
    config(),
  );
  watch.start();
  const set = (to: number) => {
    now = to;
    changed();
  };
  return { watch, set, reloads, faults, to: () => reloads.map((one) => one.to) };
}

test("of a thousand changes while one is being made, the last is made next", async () => {
  const { watch, set, reloads, to } = watched();
  set(1);
  await vi.advanceTimersByTimeAsync(300);
  for (let i = 2; i <= 1000; i++) {
    set(i);
    await vi.advanceTimersByTimeAsync(5);
  }
  expect(to()).toEqual(["1"]);
  reloads[0].done.resolve();
  await vi.advanceTimersByTimeAsync(300);
  expect(to()).toEqual(["1", "1000"]);
  reloads[1].done.resolve();
  // What is found to be as it was is no change.
  set(1000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(to()).toHaveLength(2);
  await watch.stop();
});

test("a change that cannot be made is said and made later; none is begun after the stop", async () => {
  const { watch, set, reloads, faults, to } = watched();
  set(1);
  await vi.advanceTimersByTimeAsync(300);
  reloads[0].done.reject(new Error("no thread"));
  await vi.advanceTimersByTimeAsync(1000);
  expect([faults.map(({ message }) => message), to()]).toEqual([["no thread"], ["1"]]);
  await vi.advanceTimersByTimeAsync(1500);
  expect(to()).toEqual(["1", "1"]);
  reloads[1].done.resolve();
  await vi.advanceTimersByTimeAsync(0);
  set(2);
  await watch.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([to().length, vi.getTimerCount()]).toEqual([2, 0]);
});
