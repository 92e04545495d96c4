import type { TraceMessage } from "../../model/traffic.ts";

/** Conversations whose last turn a reader remembers; one that goes on after so many others begins anew. */
export const MOST_SESSIONS = 1 << 15;

/** Messages of a conversation at most: every turn repeats those before it. */
export const MOST_MESSAGES = 1000;

/** Letters that weigh as much as a conversation without text. */
const LETTERS_PER_SESSION = 512;

/** What it costs to remember a conversation of these messages. */
export function sessionWeight(messages: readonly TraceMessage[]): number {
  const letters = messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  return 1 + letters / LETTERS_PER_SESSION;
}
