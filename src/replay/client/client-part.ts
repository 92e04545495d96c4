import { Distribution, type DistributionState } from "../measures/distribution.ts";
import type { ClientFacts } from "./verdict.ts";

/** What was seen of one of several clients, as data. */
export interface ClientPart extends Omit<ClientFacts, "sends" | "loop"> {
  readonly sends: DistributionState;
  readonly loop: DistributionState;
}

export function partOfClient(facts: ClientFacts): ClientPart {
  return { ...facts, sends: facts.sends.state(), loop: facts.loop.state() };
}

/** Several clients as one. */
export function clientsTogether(parts: readonly ClientPart[]): ClientFacts {
  const [sends, loop] = [new Distribution(), new Distribution()];
  const together = {
    lateSends: 0,
    stalls: 0,
    longestStallMs: 0,
    held: 0,
    longestHeldMs: 0,
    maxInFlight: 0,
    lateRequests: 0,
  };
  for (const part of parts) {
    sends.merge(part.sends);
    loop.merge(part.loop);
    together.lateSends += part.lateSends;
    together.stalls += part.stalls;
    together.longestStallMs = Math.max(together.longestStallMs, part.longestStallMs);
    together.held += part.held;
    together.longestHeldMs = Math.max(together.longestHeldMs, part.longestHeldMs);
    together.maxInFlight += part.maxInFlight;
    together.lateRequests += part.lateRequests;
  }
  return { ...together, sends, loop };
}
