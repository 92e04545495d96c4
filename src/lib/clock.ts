/** Time as an argument: the live process hands in the system's clock, tests and the twin their own. */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never runs backwards. */
  now(): number;
}
