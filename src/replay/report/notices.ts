import type { ReplayOutcome } from "../replay.ts";
import type { Lengths } from "../request-body.ts";
import type { RequestRecord } from "../request-record.ts";

/** Fields of a request that not every server takes. */
export const REFUSES_FORCING =
  "The server refuses ignore_eos and min_tokens, which make answers as long as the trace's: go on with --lengths natural.";
const FORCING = /ignore_eos|min_tokens/;

/** What a person must know of a run before believing its numbers: one line each. */
export function notices(outcome: ReplayOutcome, lengths: Lengths): string[] {
  const { client, countedBy, completed, shortAnswers, longAnswers } = outcome;
  const lines: string[] = [];
  if (!client.valid) {
    const touched =
      client.lateRequests === 0 ? "" : `; ${client.lateRequests} requests are marked client_late`;
    lines.push(
      `The client fell behind, so these times are not the server's alone: ${client.why.join("; ")}${touched}. Ask for less, or use more or idler cores.`,
    );
  }
  if (countedBy.frames > 0)
    lines.push(
      `${countedBy.frames} of ${completed} answers came without usage: their output tokens are counts of frames, so tokens/s and TPOT are wrong where a frame holds several tokens.`,
    );
  const untimed = completed - (outcome.ttftMs?.count ?? 0);
  if (untimed > 0 && outcome.outputTokens > 0)
    lines.push(
      `${untimed} of ${completed} answers have no first token: they came in one piece, or with no text that is known. They count in no TTFT, ITL and TPOT.`,
    );
  const missed = shortAnswers + longAnswers;
  if (missed > 0) {
    const way = lengths === "forced" ? "although the lengths were forced" : "for the lengths are natural";
    lines.push(
      `${missed} of ${completed} answers were not as long as asked for (${shortAnswers} shorter), ${way}.`,
    );
  }
  return lines;
}

/** Whether a server refused a request for the fields that force its length. */
export function refusesForcing({ status, errorText }: RequestRecord): boolean {
  return (status === 400 || status === 422) && errorText !== null && FORCING.test(errorText);
}
