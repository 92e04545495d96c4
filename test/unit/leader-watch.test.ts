import { expect, test } from "vitest";
import type { AdminState } from "../../harness/cluster/admin-state.ts";
import { LeaderWatch } from "../../harness/cluster/leader-watch.ts";
import { patiently } from "../patiently.ts";

function stateOf(leading: boolean, terms: number, sinceMs = 0): AdminState {
  const leader = leading ? { gateway: "it", sinceMs } : null;
  const control = {
    leader,
    leading,
    totals: { terms },
    ranks: [],
    missing: [],
    paused: false,
    rollout: null,
  };
  return { store: { reachable: true }, pools: [{ epoch: 1, control }] };
}

test("two gateways that lead at once are found", async () => {
  const watch = new LeaderWatch(2, async () => stateOf(true, 1));
  await expect.poll(() => watch.violations.length, patiently).toBeGreaterThan(0);
  await watch.stop();
  expect(watch.violations[0]).toMatch(/gateways [01] and [01] lead at once/);
});

test("gateways that lead in turns are none", async () => {
  let asked = 0;
  const terms = [0, 0];
  let leader = 0;
  const watch = new LeaderWatch(2, async (gateway) => {
    // Each leads for some looks, and then the other, in a term of its own.
    if (++asked % 10 === 0) {
      leader = 1 - leader;
      terms[leader]++;
    }
    return stateOf(gateway === leader, terms[gateway]);
  });
  await expect.poll(() => asked, patiently).toBeGreaterThan(60);
  await watch.stop();
  expect(watch.violations).toEqual([]);
});

test("gateways that lead in turns, and start anew each time, are none", async () => {
  let asked = 0;
  // Its looks are so far apart that what lies between them is not seen.
  const watch = new LeaderWatch(2, async (gateway) => {
    asked++;
    return stateOf(true, 1, gateway + 2 * asked);
  });
  await expect.poll(() => asked, patiently).toBeGreaterThan(20);
  await watch.stop();
  expect(watch.violations).toEqual([]);
});
