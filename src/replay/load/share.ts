import type { ScheduledRequest } from "../load.ts";
import type { NumberedRequest } from "./request-source.ts";

/** The part of a load that one of several processes plays. */
export interface Share {
  /** From 0. */
  readonly worker: number;
  readonly of: number;
}

export const WHOLE: Share = { worker: 0, of: 1 };

/** Whether it is this one's: conversations are whole, other requests go round by their position. */
export function isOwn({ index, request: { session } }: NumberedRequest, { worker, of }: Share): boolean {
  return of === 1 || (session === undefined ? index : hash(session)) % of === worker;
}

/** This one's part of so many: parts differ by one at most, and are the whole together. */
export function partOf(count: number, { worker, of }: Share): number {
  if (!Number.isFinite(count)) return count;
  return Math.floor(count / of) + (worker < count % of ? 1 : 0);
}

/** What of a schedule is this one's. */
export async function* ownPart(
  scheduled: AsyncIterable<ScheduledRequest>,
  share: Share,
): AsyncGenerator<ScheduledRequest, void> {
  for await (const request of scheduled) if (isOwn(request, share)) yield request;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
