import type { EngineRequest } from "./model-engine.ts";
import { tokenized } from "./prompt-blocks.ts";
import { Rng } from "../../../src/lib/rng.ts";
import { MODEL } from "../gateway/mock-answers.ts";

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** One request of an open-loop load: the same bytes, at the same time, for every router. */
export interface TimedRequest extends EngineRequest {
  /** Since the load's begin. */
  readonly atMs: number;
  readonly body: Buffer;
}

export function timedRequest(
  id: number,
  atMs: number,
  messages: readonly Message[],
  outputTokens: number,
  blockTokens: number,
): TimedRequest {
  const body = { model: MODEL, messages, max_tokens: outputTokens, stream: true };
  return {
    id,
    atMs,
    outputTokens,
    body: Buffer.from(JSON.stringify(body)),
    ...tokenized(messages, blockTokens),
  };
}

const CONSONANTS = "bcdfghjklmnprstvw";
const VOWELS = "aeiou";
const SYLLABLES = 3;

/** Made-up words of one to three syllables, as long with their spaces as English ones. */
export function drawWords(rng: Rng, count: number): string {
  const words: string[] = [];
  for (let i = 0; i < count; i++) {
    let word = "";
    for (let left = 1 + rng.below(SYLLABLES); left > 0; left--)
      word += CONSONANTS[rng.below(CONSONANTS.length)] + VOWELS[rng.below(VOWELS.length)];
    words.push(word);
  }
  return words.join(" ");
}

/** A positive length around a median, with a tail to the right. */
function drawLength(rng: Rng, median: number, spread: number): number {
  return Math.max(1, Math.round(median * Math.exp(spread * rng.normal())));
}

/** Conversations of several tenants, each with a system prompt of its own. */
export interface SessionLoad {
  readonly sessions: number;
  readonly turns: number;
  readonly tenants: number;
  /** Conversations that go on side by side. */
  readonly together: number;
  readonly requestsPerSecond: number;
  /** Medians, in words: of system prompts, of what a user says, of what is answered. */
  readonly systemWords: number;
  readonly userWords: number;
  readonly answerWords: number;
}

const SPREAD = 0.6;

interface Session {
  readonly messages: Message[];
  turns: number;
}

/** Arrivals are a Poisson process; each is the next turn of one of the conversations that go on. */
export function sessionRequests(load: SessionLoad, blockTokens: number, seed: number): TimedRequest[] {
  const rng = new Rng(seed, 21);
  const systems = Array.from({ length: load.tenants }, (_, tenant) => {
    const words = drawLength(rng, load.systemWords, SPREAD);
    return { role: "system", content: drawWords(new Rng(seed, 22, tenant), words) } as const;
  });
  const open: Session[] = [];
  const requests: TimedRequest[] = [];
  let begun = 0;
  let atMs = 0;
  while (requests.length < load.sessions * load.turns) {
    while (open.length < load.together && begun < load.sessions) {
      begun++;
      // Tenants as they are: the first has most.
      const tenant = Math.floor(systems.length * rng.uniform() ** 2);
      open.push({ messages: [systems[tenant]], turns: 0 });
    }
    atMs += rng.exponential(1000 / load.requestsPerSecond);
    const at = rng.below(open.length);
    const session = open[at];
    const { messages } = session;
    messages.push({ role: "user", content: drawWords(rng, drawLength(rng, load.userWords, SPREAD)) });
    const answerWords = drawLength(rng, load.answerWords, SPREAD);
    requests.push(timedRequest(requests.length, atMs, messages, answerWords, blockTokens));
    messages.push({ role: "assistant", content: drawWords(rng, answerWords) });
    if (++session.turns === load.turns) open.splice(at, 1);
  }
  return requests;
}
