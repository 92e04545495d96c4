import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { Admission } from "../admission/admission.ts";
import type { Capture } from "../capture/capture.ts";
import type { EndObserver } from "../tracing/request-trace.ts";
import type { TrafficMeter } from "../traffic/traffic-meter.ts";
import type { ShadowPair } from "../traffic/traffic-observer.ts";
import type { RetryBudget, RetrySettings } from "./retry-budget.ts";

/** What all flights share. */
export interface FlightDeck {
  readonly admission: Admission;
  readonly meter: TrafficMeter;
  /** Records requests as a trace; null where nothing ever does. */
  readonly capture: Capture | null;
  /** Measures requests as they end; null where nobody does. */
  readonly ends: EndObserver | null;
  readonly retry: RetrySettings;
  readonly retryBudget: RetryBudget;
  /** Send to a second shard when no first byte has arrived after so long; 0 for never. */
  readonly hedge: { readonly afterMs: number };
  /** When a client for whose request there was no shard may try again. */
  readonly retryAfterSeconds: number;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Receives the two answers to each request that was copied to a shadow pool. */
  readonly onShadowPair: (pair: ShadowPair & { readonly model: string; readonly pool: string }) => void;
  /** Receives faults of the gateway itself; each has ended one request. */
  readonly onFault: (fault: Error) => void;
}
