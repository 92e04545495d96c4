import { type Family, type Observe, counter, gauge } from "../family.ts";
import type { ControlReading, Readings } from "../readings.ts";

/** Who decides, and what becomes of the decisions. */
export function controlFamilies(readings: Readings): Family[] {
  const each =
    (read: (control: ControlReading, observe: Observe) => void): Family["read"] =>
    (observe) => {
      for (const control of readings.control()) read(control, observe);
    };
  const of = (name: string, help: string, value: (control: ControlReading) => number | null) =>
    gauge(
      name,
      ["pool"],
      help,
      each((control, observe) => {
        const found = value(control);
        if (found !== null) observe(found, control.pool);
      }),
    );
  return [
    gauge("plimsoll_store_reachable", [], "1 while the store answers", (observe) =>
      observe(Number(readings.storeReachable())),
    ),
    counter(
      "plimsoll_unshared_reports_total",
      [],
      "Times that remote gateways did not receive what this one has in flight",
      (observe) => observe(readings.unsharedReports()),
    ),
    counter(
      "plimsoll_unreadable_total",
      ["pool", "kind"],
      "What others left in the store, cannot be read here and was dropped, by kind",
      (observe) => {
        for (const { pool, dropped } of readings.unreadable())
          for (const [kind, count] of dropped) observe(count, pool, kind);
      },
    ),
    of("plimsoll_epoch", "The epoch that this gateway routes requests by", ({ epoch }) => epoch),
    of("plimsoll_leader", "1 where this gateway leads the pool", ({ leading }) => Number(leading)),
    counter(
      "plimsoll_terms_total",
      ["pool"],
      "Terms as the leader begun here",
      each(({ pool, terms }, observe) => observe(terms, pool)),
    ),
    of(
      "plimsoll_pool_load_line",
      "The load line: how many times as long as with an even split a step may take",
      ({ loadLine }) => loadLine,
    ),
    of(
      "plimsoll_rebalance_expected_gain_ratio",
      "Balancedness after over before the last placement, less 1, as predicted",
      ({ gain }) => gain.expected,
    ),
    of(
      "plimsoll_rebalance_measured_gain_ratio",
      "The same as measured in the minute after beside the minute before",
      ({ gain }) => gain.measured,
    ),
    of("plimsoll_paused", "1 while an operator has placements paused", ({ paused }) => Number(paused)),
    of(
      "plimsoll_missing_experts",
      "Experts without a replica, over all layers: the pool is degraded",
      ({ missingExperts }) => missingExperts,
    ),
    gauge(
      "plimsoll_ranks",
      ["pool", "state"],
      "Ranks by state",
      each(({ pool, ranks }, observe) => {
        for (const [state, count] of ranks) observe(count, pool, state);
      }),
    ),
    of(
      "plimsoll_rollout_stage_age_seconds",
      "How long the stage of a placement that is rolled out has been under way; 0 while none is",
      ({ stageAgeMs }) => stageAgeMs / 1000,
    ),
    of(
      "plimsoll_rollout_stage_limit_seconds",
      "How long ranks may take to prepare such a stage, and to switch to it",
      ({ stageLimitMs }) => stageLimitMs / 1000,
    ),
    counter(
      "plimsoll_rollouts_total",
      ["pool", "outcome"],
      "Placements rolled out here, by outcome",
      each(({ pool, rolloutsDone, rolloutsGivenUp }, observe) => {
        observe(rolloutsDone, pool, "done");
        observe(rolloutsGivenUp, pool, "given_up");
      }),
    ),
    counter(
      "plimsoll_load_reports_total",
      ["pool", "verdict"],
      "Load reports, by what became of them",
      each(({ pool, reports }, observe) => {
        for (const [verdict, count] of Object.entries(reports ?? {})) observe(count, pool, verdict);
      }),
    ),
  ];
}
