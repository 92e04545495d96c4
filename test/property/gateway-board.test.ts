import fc from "fast-check";
import { expect, test } from "vitest";
import type { AdmissionUsage } from "../../src/serving/admission/usage.ts";
import { BegunTotals, begunSince } from "../../src/serving/sharing/begun-since.ts";
import { GatewayBoard } from "../../src/serving/sharing/gateway-board.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { runs } from "../runs.ts";

const TENANTS = ["a", "b", "c"];

const usage = fc
  .array(fc.record({ inside: fc.nat(3), requests: fc.nat(5), tokens: fc.nat(100) }), {
    minLength: 3,
    maxLength: 3,
  })
  .map((report): AdmissionUsage => {
    const tenants = report.map((one, i) => ({ tenant: TENANTS[i], ...one }));
    const sum = (of: "inside" | "requests" | "tokens") => tenants.reduce((total, one) => total + one[of], 0);
    return {
      inFlight: sum("inside"),
      requests: sum("requests"),
      tokens: sum("tokens"),
      // As admission tells: those who have nothing inside and have begun nothing are left out.
      tenants: tenants.filter(({ inside, requests }) => inside > 0 || requests > 0),
    };
  });

test("what has begun is right however many reports are missed or read twice", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(usage, fc.nat(2)), { minLength: 1, maxLength: 30 }), (reports) => {
      const totals = new BegunTotals();
      let before = totals.totals();
      const heard = { requests: 0, tokens: 0, ofTenants: 0 };
      const read = () => {
        const now = totals.totals();
        const since = begunSince(before, now);
        heard.requests += since.requests;
        heard.tokens += since.tokens;
        heard.ofTenants += since.tenants.reduce((sum, { tokens }) => sum + tokens, 0);
        before = now;
        return now;
      };
      for (const [report, reads] of reports) {
        totals.add(report);
        for (let i = 0; i < reads; i++) read();
      }
      const last = reports[reports.length - 1][0];
      const now = read();
      const sum = (of: "requests" | "tokens") => reports.reduce((total, [report]) => total + report[of], 0);
      expect(heard.requests).toBe(sum("requests"));
      expect(heard.tokens).toBe(sum("tokens"));
      // A tenant whose requests were estimated at nothing adds nothing.
      expect(heard.ofTenants).toBe(
        reports.reduce((all, [{ tenants }]) => all + tenants.reduce((t, { tokens }) => t + tokens, 0), 0),
      );
      expect(now.inFlight).toBe(last.inFlight);
    }),
    { seed: 1, numRuns: runs(120) },
  );
});

function boards() {
  const time = { now: 0 };
  const gone = { store: false };
  const store = new LocalStore(() => time.now);
  const sharing = {
    share: async (...telling: Parameters<LocalStore["share"]>) => {
      if (gone.store) throw new Error("gone");
      return store.share(...telling);
    },
  };
  const clock = { now: () => time.now };
  const lines: string[] = [];
  const onFault = (fault: Error) => void lines.push(fault.message);
  return {
    one: new GatewayBoard(sharing, "one", clock, onFault),
    two: new GatewayBoard(sharing, "two", clock, onFault),
    time,
    gone,
    store,
    lines,
  };
}

function begun(requests: number, inside = requests): AdmissionUsage {
  return {
    inFlight: inside,
    requests,
    tokens: 10 * requests,
    tenants: [{ tenant: "a", inside, requests, tokens: 10 * requests }],
  };
}

const NONE = new Map();

test("gateways hear what the others have inside, and what those have begun, once", async () => {
  const { one, two } = boards();
  one.report(begun(5), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  // What had begun before it was known is past.
  expect(two.takeUsage()).toMatchObject({ inFlight: 5, requests: 0 });
  one.report(begun(2, 3), [], NONE, NONE);
  one.report(begun(1, 3), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  await two.exchange();
  expect(two.takeUsage()).toEqual({
    inFlight: 3,
    requests: 3,
    tokens: 30,
    tenants: [{ tenant: "a", inside: 3, requests: 3, tokens: 30 }],
  });
  expect(two.takeUsage()).toMatchObject({ inFlight: 3, requests: 0 });
  expect(one.takeUsage()).toMatchObject({ inFlight: 0, requests: 0 });
});

test("a gateway that has said nothing for three seconds frees what it had", async () => {
  const { one, two, time } = boards();
  one.report(begun(5), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  time.now = 3001;
  await two.exchange();
  expect(two.takeUsage()).toMatchObject({ inFlight: 0, tenants: [] });
});

test("without the store a gateway soon goes by itself, says how often, and makes up for nothing afterwards", async () => {
  const { one, two, time, gone } = boards();
  one.report(begun(5), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  gone.store = true;
  await two.exchange();
  expect(two.takeUsage()).toMatchObject({ inFlight: 5 });
  time.now = 3001;
  await two.exchange();
  expect(two.takeUsage()).toMatchObject({ inFlight: 0 });
  expect(two.unshared).toBe(2);
  gone.store = false;
  one.report(begun(1000, 7), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  expect(two.takeUsage()).toMatchObject({ inFlight: 7, requests: 0 });
});

test("a report that cannot be read is dropped and counted; what its gateway reported before holds for as long as any", async () => {
  const { one, two, time, store, lines } = boards();
  one.report(begun(5), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  const spoil = (bytes: string) => store.share("one", new TextEncoder().encode(bytes), 3000);
  for (const bytes of ["", "null", "{}", '{"v":2}', '{"admission":{},"shards":[]}', "\u0000"]) {
    await spoil(bytes);
    await two.exchange();
    expect(two.takeUsage()).toMatchObject({ inFlight: 5 });
  }
  expect(two.reading.dropped.get("gateway_report")).toBe(6);
  expect(lines[0]).toBe(
    "gateways: gateway report in the store cannot be read and is dropped: it is not JSON",
  );
  expect(new Set(lines).size).toBe(lines.length);
  time.now = 3001;
  await spoil("");
  await two.exchange();
  expect(two.takeUsage()).toMatchObject({ inFlight: 0 });
  one.report(begun(1, 2), [], NONE, NONE);
  await one.exchange();
  await two.exchange();
  expect(two.takeUsage()).toMatchObject({ inFlight: 2 });
});

test("gateways hear what the others' requests would hold more by experts", async () => {
  const { one, two, time } = boards();
  const moved = new Map([
    [
      "m",
      new Map([
        ["a", 300],
        ["b", -300],
      ]),
    ],
  ]);
  one.report(begun(1), [], NONE, moved);
  await one.exchange();
  await two.exchange();
  expect(two.moved).toEqual(moved);
  expect(one.moved.size).toBe(0);
  time.now = 3001;
  await two.exchange();
  expect(two.moved.size).toBe(0);
});
