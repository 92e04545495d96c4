/** Calls at a time of the clock that comes with it: the live process hands in timers, the twin its virtual time. */
export interface Alarms {
  /** @param atMs of the clock @returns calls it off */
  at(atMs: number, action: () => void): () => void;
}
