const DAY_MS = 86_400_000;
const FIGURES = {
  tokensPerSecond: 100_000,
  balancedness: 0.9,
  nodeHopsPerToken: 3,
  hopsPerToken: 7,
  stepMs: 50,
  peak: 1.4,
  running: 500,
  waiting: 3,
  kvUse: 0.6,
  lostRanks: 0,
  missingExperts: 0,
  epoch: 1,
  requestsPerSecond: 40,
  failedPerSecond: 0,
  ttftP50: 300,
  ttftP95: 900,
  ttftP99: 1500,
  itlP50: 30,
  itlP95: 60,
  itlP99: 90,
};

/** What `GET /ep/v1/history/:pool` answers of a pool that is made up: a row for each step of the last day. */
export function madeUpHistory(asked: URLSearchParams, nowMs: number): object {
  const [from, to, seconds] = ["from", "to", "step"].map((name) => Number(asked.get(name)));
  const first = Math.ceil(Math.max(from, nowMs - DAY_MS) / (seconds * 1000));
  const count = Math.max(0, Math.floor(Math.min(to, nowMs) / (seconds * 1000)) - first);
  const rows = Array.from({ length: count }, (_, i) => {
    const at = (first + i) * seconds * 1000;
    const swing = 1 + 0.1 * Math.sin(at / 60_000);
    return {
      ...FIGURES,
      at,
      seconds,
      measuredMs: seconds * 1000,
      tokensPerSecond: FIGURES.tokensPerSecond * swing,
      ttftP95: FIGURES.ttftP95 * swing,
    };
  });
  return { whole: count === 0 ? null : { ...FIGURES, measuredMs: count * seconds * 1000 }, rows };
}
