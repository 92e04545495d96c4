import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Flight } from "../../src/serving/flight/flight.ts";
import { requestFacts } from "../../src/serving/request/request-facts.ts";
import { type CaseOptions, FlightCase, HeardClient } from "../flight-case.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A flight, and its body, which nobody else has. */
function fly(options: CaseOptions) {
  const flights = new FlightCase(options);
  const bytes = Buffer.alloc(1 << 16, " ");
  bytes.write('{"model":"m"');
  bytes.write("}", bytes.length - 1);
  const facts = requestFacts(bytes, {
    tenant: "t",
    priority: 0,
    session: null,
    rank: -1,
    models: null,
    owner: null,
  });
  const request = { method: "POST", path: "/v1/chat/completions", headers: [], body: facts.body } as const;
  const flight = new Flight(flights.deck, flights.route, facts, request, new HeardClient()).start();
  return { flights, flight, body: new WeakRef(facts.body as Buffer) };
}

test.each([
  ["one pool", {}],
  ["several pools", { pools: 3, fallback: true }],
])(
  "a flight of %s keeps its body until the first byte, and not while it is answered",
  async (_what, options) => {
    const { flights, flight, body } = fly(options);
    await nextTurn();
    collect();
    expect(body.deref() === undefined).toBe(false);
    flights.sent[0].headers();
    flights.sent[0].data();
    await nextTurn();
    collect();
    expect(body.deref() === undefined).toBe(true);
    flight.cancel();
  },
);
