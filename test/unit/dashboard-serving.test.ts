import { expect, test } from "vitest";
import { healthText } from "../../src/dashboard/serving/shard-row.ts";

const READY = { ready: true, circuit: "closed", ejectedForMs: 0, weight: 1, lack: null, lastFailure: null };

test("a shard's health says first why it gets nothing, then why it gets less", () => {
  expect(healthText(READY)).toBe("ready");
  expect(healthText({ ...READY, ready: false, lack: "its /health answers 503" })).toBe(
    "its /health answers 503",
  );
  expect(healthText({ ...READY, ready: false })).toBe("not ready");
  expect(healthText({ ...READY, circuit: "open", lastFailure: "timeout" })).toBe(
    "circuit open (last failure: timeout)",
  );
  expect(healthText({ ...READY, ejectedForMs: 1200, circuit: "open" })).toBe("ejected for 2 s");
  expect(healthText({ ...READY, weight: 0.25 })).toBe("starting, 25 % of its part");
  expect(healthText({ ...READY, tier: 1 })).toBe("ready, as a backup");
  expect(healthText({ ...READY, lack: "reports no load" })).toBe("reports no load");
});
