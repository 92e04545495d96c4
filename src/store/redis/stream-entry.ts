/** As Redis gives it: an id, and names and values in turn. */
export type StreamEntry = readonly [id: Buffer, fields: readonly Buffer[]];

/** What stands before the dash of an entry's id: an epoch, or the time. */
export function firstOfId([id]: StreamEntry): number {
  return Number.parseInt(id.toString("latin1"), 10);
}
