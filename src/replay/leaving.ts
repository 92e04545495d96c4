import { Rng } from "../lib/rng.ts";

/** Random stream beside the prompts'. */
const LEAVING = 2;

/**
 * After how many frames with tokens a request's user leaves: some part of the answer that was asked for, each as likely;
 * at 0 when the response begins. Null for a user who stays. The same seed has the same users leave.
 * @param part of the requests whose users leave, 0..1
 */
export function leavesAfter(part: number, seed: number, index: number, askedTokens: number): number | null {
  if (part <= 0) return null;
  const rng = new Rng(seed, LEAVING, index);
  return rng.uniform() < part ? Math.floor(rng.uniform() * askedTokens) : null;
}
