import { type Family, counter, gauge } from "../family.ts";
import type { LocalityReading, Readings } from "../readings.ts";

/** Models whose requests go by their experts, or would. */
export function localityFamilies({ localities }: Readings): Family[] {
  const each =
    (read: (one: LocalityReading, observe: (value: number, ...labels: string[]) => void) => void) =>
    (observe: Parameters<Family["read"]>[0]) => {
      for (const one of localities()) read(one, (value, ...labels) => observe(value, one.model, ...labels));
    };
  return [
    gauge(
      "plimsoll_locality_share_ratio",
      ["model"],
      "Part of the sessions that go by their experts, 0 in the shadow",
      each(({ share }, observe) => observe(share)),
    ),
    counter(
      "plimsoll_locality_requests_total",
      ["model", "known"],
      "Requests by what their experts were known from when they were sent",
      each(({ known }, observe) => {
        for (const [source, requests] of Object.entries(known)) observe(requests, source);
      }),
    ),
    counter(
      "plimsoll_locality_sent_total",
      ["model", "pool", "arm"],
      "Requests by pool and arm; in the shadow as they went, and as they would have gone",
      each(({ sent }, observe) => {
        for (const { pool, arm, requests } of sent) observe(requests, pool, arm);
      }),
    ),
    counter(
      "plimsoll_locality_answers_total",
      ["model", "verdict"],
      "Answers that named their experts: learned from, or ignored since they came too fast",
      each(({ answers }, observe) => {
        for (const [verdict, count] of Object.entries(answers)) observe(count, verdict);
      }),
    ),
    gauge(
      "plimsoll_locality_step_experts",
      ["model", "arm"],
      "Experts that a step is expected to read in a layer, by the last batch of answers",
      each(({ stepExperts }, observe) => {
        for (const [arm, experts] of Object.entries(stepExperts)) if (experts !== null) observe(experts, arm);
      }),
    ),
    counter(
      "plimsoll_locality_tpot_seconds_total",
      ["model", "arm"],
      "Time per token of the requests that are compared, summed up",
      each(({ tpot }, observe) => {
        for (const [arm, { ms }] of Object.entries(tpot)) observe(ms / 1000, arm);
      }),
    ),
    counter(
      "plimsoll_locality_tpot_requests_total",
      ["model", "arm"],
      "Those requests",
      each(({ tpot }, observe) => {
        for (const [arm, { requests }] of Object.entries(tpot)) observe(requests, arm);
      }),
    ),
  ];
}
