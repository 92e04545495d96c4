import type { TrafficObserver } from "./traffic-observer.ts";

const nothing = (): void => {};

/** Nobody receives what is measured. */
export const UNHEARD: TrafficObserver = {
  firstFrame: nothing,
  laterFrame: nothing,
  ended: nothing,
  responded: nothing,
  chosen: nothing,
  shadowed: nothing,
  resent: nothing,
  retryDenied: nothing,
  tokens: nothing,
  refused: nothing,
  picked: nothing,
};
