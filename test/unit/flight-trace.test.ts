import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type CaseOptions, FlightCase, HeardClient, inTurn, together } from "../flight-case.ts";
import { RecordedTrace } from "../recorded-trace.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function begin(options: CaseOptions = {}) {
  const flights = new FlightCase(options);
  const trace = new RecordedTrace();
  const flight = flights.fly(new HeardClient(), undefined, {}, trace);
  const attempts = () => trace.attempts.map(({ name, end, status }) => `${name}: ${end} ${status}`);
  return { flights, trace, flight, attempts };
}

test("who follows a request learns of each stage, in order", () => {
  const { flights, trace, attempts } = begin();
  flights.sent[0].answer();
  expect(trace.calls).toEqual(["began p", "admitted", "routed", "answered p/0", "ended ok"]);
  expect(attempts()).toEqual(["p/0 whole: ended 200"]);
});

test("one that waits for admission is queued; one that is refused there was never routed", () => {
  const { flights, trace } = begin({ maxInFlight: 1 });
  const second = new RecordedTrace();
  flights.fly(new HeardClient(), undefined, {}, second);
  expect(second.calls).toEqual(["began p", "queued"]);
  flights.deck.admission.stop();
  expect(second.calls).toEqual(["began p", "queued", "ended refused (stopping)"]);
  flights.sent[0].answer();
  expect(trace.calls.at(-1)).toBe("ended ok");
});

test("a retry is told with its fault before, and each attempt with its end", () => {
  const { flights, trace, attempts } = begin();
  flights.sent[0].fail();
  vi.advanceTimersByTime(5);
  flights.sent[1].answer();
  expect(trace.calls).toEqual([
    "began p",
    "admitted",
    "routed",
    "routed",
    "resent after",
    "answered p/1",
    "ended ok",
  ]);
  expect(attempts()).toEqual(["p/0 whole: failed 0", "p/1 whole: ended 200"]);
});

test("of a hedge the attempt that loses is cancelled", () => {
  const { flights, trace, attempts } = begin({ hedgeMs: 3 });
  vi.advanceTimersByTime(4);
  flights.sent[1].answer();
  expect(trace.calls).toContain("resent beside");
  expect(attempts()).toEqual(["p/0 whole: cancelled 0", "p/1 whole: ended 200"]);
});

test.each([
  ["together", together],
  ["in turn", inTurn],
])("both halves of a pair are followed: %s", (_how, pairing) => {
  const { flights, trace, attempts } = begin({ prefillShards: 1, pairing });
  flights.prefills[0].answer(200, "cache");
  flights.sent[0].answer();
  expect(attempts()).toEqual(["p/0 decode: ended 200", "p.prefill/0 prefill: ended 200"]);
  expect(trace.attempts.every(({ sent }) => sent)).toBe(true);
  expect(trace.calls.at(-1)).toBe("ended ok");
});

test("a prefill that refuses answers in place of its decode, which was cancelled or never sent", () => {
  for (const [pairing, sent] of [
    [together, true],
    [inTurn, false],
  ] as const) {
    const { flights, trace, attempts } = begin({ prefillShards: 1, pairing });
    flights.prefills[0].answer(400);
    expect(attempts()).toEqual(["p/0 decode: cancelled 0", "p.prefill/0 prefill: ended 400"]);
    expect(trace.attempts[0].sent).toBe(sent);
    expect(trace.calls.at(-1)).toBe("ended client_error (engine_error)");
  }
});

test("what is thrown ends the request as failed, for who follows it too", () => {
  const flights = new FlightCase({});
  flights.engineThrows = true;
  const trace = new RecordedTrace();
  flights.fly(new HeardClient(), undefined, {}, trace);
  expect(trace.calls.at(-1)).toBe("ended failed (internal)");
  expect(trace.attempts.map(({ end }) => end)).toEqual(["cancelled"]);
});
