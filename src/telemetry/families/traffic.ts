import { PICK_OUTCOMES, REQUEST_OUTCOMES } from "../../serving/traffic/traffic-observer.ts";
import type { Counted } from "../counted.ts";
import { type Family, counter } from "../family.ts";

/** What became of requests. */
export function trafficFamilies(counted: Counted): Family[] {
  const { ended, chosen, resent, deniedRetries, refused, picks, responses } = counted;
  return [
    counter("plimsoll_requests_total", ["pool", "outcome"], "Requests that ended, by outcome", (observe) => {
      for (const [pool, outcomes] of ended)
        for (const outcome of REQUEST_OUTCOMES) observe(outcomes[outcome], pool, outcome);
    }),
    counter(
      "plimsoll_responses_total",
      ["pool", "model", "status", "error_type"],
      "Requests that ended, by model, the status that was sent and why they failed; empty where they did not",
      (observe) => responses.read(observe),
    ),
    counter(
      "plimsoll_pool_choices_total",
      ["pool", "model", "why"],
      "Requests for a model with several places, by the pool that was chosen and why",
      (observe) => {
        for (const [pool, models] of chosen)
          for (const [model, reasons] of models)
            for (const [why, count] of reasons) observe(count, pool, model, why);
      },
    ),
    counter(
      "plimsoll_resent_total",
      ["pool"],
      "Requests sent once more: retries and hedges",
      perPool(resent),
    ),
    counter(
      "plimsoll_retries_over_budget_total",
      ["pool"],
      "Times that a request was not sent once more because the retry budget was spent",
      perPool(deniedRetries),
    ),
    counter(
      "plimsoll_refused_total",
      ["pool", "reason"],
      "Requests answered by the gateway itself, by reason",
      (observe) => {
        for (const [pool, reasons] of refused)
          for (const [reason, count] of reasons) observe(count, pool, reason);
      },
    ),
    counter(
      "plimsoll_picks_total",
      ["pool", "outcome"],
      "Requests for which a proxy asked where to send them, by what it was told",
      (observe) => {
        for (const [pool, outcomes] of picks)
          for (const outcome of PICK_OUTCOMES) observe(outcomes[outcome], pool, outcome);
      },
    ),
  ];
}

/** Their tokens. */
export function tokenFamilies({ tokens, modelTokens }: Counted): Family[] {
  const ofModels = (name: string, kind: "prompt" | "cached" | "completion", help: string) =>
    counter(name, ["pool", "model"], help, (observe) => {
      for (const [pool, models] of modelTokens)
        for (const [model, counts] of models) observe(counts[kind], pool, model);
    });
  return [
    ofModels(
      "plimsoll_request_prompt_tokens_total",
      "prompt",
      "Tokens of prompts that were answered: as the engine counts them, else a fourth of their bytes",
    ),
    ofModels(
      "plimsoll_request_cached_tokens_total",
      "cached",
      "Of these, what the engine says that it found in its cache",
    ),
    ofModels(
      "plimsoll_request_completion_tokens_total",
      "completion",
      "Tokens of answers: as the engine counts them, else frames with content",
    ),
    counter(
      "plimsoll_counted_prompts_total",
      ["pool", "by"],
      "Prompts that were answered, by who counted their tokens",
      (observe) => {
        for (const [pool, { reported, estimated }] of tokens) {
          observe(reported, pool, "engine");
          observe(estimated, pool, "estimate");
        }
      },
    ),
    counter(
      "plimsoll_cacheable_tokens_total",
      ["pool", "cached"],
      "Tokens of prompts of which the engine says whether they were in its cache",
      (observe) => {
        for (const [pool, { cached, uncached }] of tokens) {
          observe(cached, pool, "yes");
          observe(uncached, pool, "no");
        }
      },
    ),
  ];
}

function perPool(counts: ReadonlyMap<string, number>): Family["read"] {
  return (observe) => {
    for (const [pool, count] of counts) observe(count, pool);
  };
}
