import { Rng } from "../../../src/lib/rng.ts";
import { MODEL } from "./mock-answers.ts";

const SYSTEM_PROMPTS = 16;
const QUESTIONS = 16;
const SEED = 1;
/** Of a body that a system prompt makes up, the rest being the question. */
const SHARED = 0.6;
const LETTERS = "abcdefghijklmnopqrstuvwxyz     ";

/**
 * Chat requests of so many bytes, all different: few system prompts, each with several questions, as a tenant's
 * requests share their beginning.
 */
export function requestBodies(bytes: number, streamed: boolean): string[] {
  const rng = new Rng(SEED);
  const text = (length: number): string =>
    Array.from({ length }, () => LETTERS[rng.below(LETTERS.length)]).join("");
  const body = (system: string, user: string): string =>
    JSON.stringify({
      model: MODEL,
      messages: [
        { role: "system", content: system },
        { role: "user", content: user },
      ],
      stream: streamed,
    });
  const free = bytes - body("", "").length;
  const shared = Math.floor(free * SHARED);
  return Array.from({ length: SYSTEM_PROMPTS }, () => text(shared)).flatMap((system) =>
    Array.from({ length: QUESTIONS }, () => body(system, text(free - shared))),
  );
}
