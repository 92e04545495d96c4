import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { Admission } from "../admission/admission.ts";
import type { TrafficMeter } from "../traffic/traffic-meter.ts";
import type { RetryBudget, RetrySettings } from "./retry-budget.ts";

/** What all flights share. */
export interface FlightDeck {
  readonly admission: Admission;
  readonly meter: TrafficMeter;
  readonly retry: RetrySettings;
  readonly retryBudget: RetryBudget;
  /** Send a second time when no first byte has come after so long; 0 for never. */
  readonly hedge: { readonly afterMs: number };
  /** When a client may try again that found no shard. */
  readonly retryAfterSeconds: number;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Hears of faults of the gateway's own, each of which has ended one request. */
  readonly onFault: (fault: Error) => void;
}
