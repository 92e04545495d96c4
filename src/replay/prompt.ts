import { Rng } from "../lib/rng.ts";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../model/traffic.ts";
import { PLAIN_WORDS, type PromptWords } from "./prompt-words.ts";

/** Random streams: the text of a shared prefix block, a request's own text, a conversation's, an answer's. */
const BLOCK = 0;
const OWN = 1;
const SESSION = 2;
const ANSWER = 3;

/** A message as it is sent. */
export interface PromptMessage {
  readonly role: string;
  readonly content: string;
}

/**
 * What a request asks, as messages: those of its trace, where answers that it does not hold are made up in their
 * length; else one of made-up text (`promptText`).
 * @param index the request's position in the trace
 */
export function promptMessages(
  request: TraceRequest,
  index: number,
  seed: number,
  words: PromptWords = PLAIN_WORDS,
): readonly PromptMessage[] {
  const { messages } = request;
  if (messages === undefined) return [{ role: "user", content: promptText(request, index, seed, words) }];
  return messages.map(({ role, content, tokens = 1 }, i) => {
    const rng = new Rng(seed, ANSWER, ...seedsOf(request, index), i);
    return { role, content: content ?? drawn([], rng, tokens, words).join(" ") };
  });
}

/**
 * What a request asks, as one text: that of its trace where it has one (messages one below the other), else as many
 * words (≈ tokens, the server's chat template not counted) as the request has input tokens, at least one. A prefix
 * block's text depends on the seed and its id only, so that equal prefixes of a trace are equal text; what follows the
 * blocks is the request's own. Turns of a conversation without blocks have one text, each as much of it as it is long:
 * what the turn before asked, what stands for its answer, and what is new.
 */
export function promptText(
  request: TraceRequest,
  index: number,
  seed: number,
  words: PromptWords = PLAIN_WORDS,
): string {
  const { prompt, messages, session, prefixBlocks = [], blockTokens = PREFIX_BLOCK_TOKENS } = request;
  if (prompt !== undefined) return prompt;
  if (messages !== undefined) {
    return promptMessages(request, index, seed, words)
      .map(({ content }) => content)
      .join("\n\n");
  }
  const wanted = Math.max(1, request.inputTokens);
  const text: string[] = [];
  for (const block of prefixBlocks) {
    if (text.length >= wanted) break;
    drawn(text, new Rng(seed, BLOCK, block), Math.min(blockTokens, wanted - text.length), words);
  }
  const shared = session !== undefined && prefixBlocks.length === 0;
  const rng = shared ? new Rng(seed, SESSION, ...seedsOf(request, index)) : new Rng(seed, OWN, index);
  return drawn(text, rng, wanted - text.length, words).join(" ");
}

/** Appends so many words. */
function drawn(text: string[], rng: Rng, count: number, { words }: PromptWords): string[] {
  for (let i = 0; i < count; i++) text.push(words[rng.below(words.length)]);
  return text;
}

/** By its conversation, or by its place where it is of none. */
function seedsOf({ session }: TraceRequest, index: number): readonly number[] {
  if (session === undefined) return [index];
  // FNV-1a, from two starts.
  let [a, b] = [0x811c9dc5, 0x050c5d1f];
  for (let i = 0; i < session.length; i++) {
    const letter = session.charCodeAt(i);
    a = Math.imul(a ^ letter, 0x01000193);
    b = Math.imul(b ^ letter, 0x01000193);
  }
  return [a, b];
}
