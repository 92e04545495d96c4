import { ARMS } from "../../routing/locality/arms.ts";
import { SOURCES } from "./known-experts.ts";
import { worlds } from "./locality-tally.ts";
import type { ModelLocality } from "./model-locality.ts";

const ALL = 100;

/** What is measured of a model's locality, since its settings last changed. */
export function localityReading({ model, settings, tally, pools, answers, period }: ModelLocality) {
  const { mode, percent } = settings;
  const last = tally.batches.at(-1);
  const periodShare = period?.arm === "locality" ? 1 : 0;
  const share = period === null ? percent / ALL : periodShare;
  return {
    model,
    share: mode === "shadow" ? 0 : share,
    known: Object.fromEntries(
      [...SOURCES, "nothing" as const].map((source) => [source, tally.known[source].requests]),
    ),
    sent: ARMS.flatMap((arm) =>
      pools.map(({ engine: { pool } }, i) => ({ pool, arm, requests: tally.sent[arm].requests[i] })),
    ),
    answers: { ...answers },
    stepExperts: worlds((arm) => last?.distinctExperts[arm] ?? null),
    tpot: worlds((arm) => {
      const units = tally.unitsOf(arm, "tpot");
      return {
        ms: units.reduce((all, { sum }) => all + sum, 0),
        requests: units.reduce((all, { count }) => all + count, 0),
      };
    }),
  };
}
