import { loadReplayScenario } from "../../../config/replay-scenario/load-scenario.ts";
import { RequestSource } from "../../../replay/load/request-source.ts";
import { PLAIN_WORDS } from "../../../replay/prompt-words.ts";
import { scenarioTraffic } from "../../../replay/scenario/scenario-traffic.ts";

/** The requests of a scenario, by its own clock. @throws InputError where the file cannot be used */
export async function scenarioRequests(path: string, short: boolean, seed: number) {
  const scenario = await loadReplayScenario(path, short);
  return {
    source: new RequestSource(asynchronous(scenarioTraffic(scenario, seed))),
    lastMs: scenario.durationMs,
    name: path,
    words: PLAIN_WORDS,
    reading: () => ({
      format: "scenario",
      timed: true,
      requests: 0,
      rows: 0,
      broken: 0,
      firstBroken: [],
      leftOut: new Map<string, number>(),
      timeUnit: null,
      doubts: [],
      lengths: `drawn, seed ${seed}`,
    }),
    passes: () => 1,
    broken: () => null,
  };
}

async function* asynchronous<T>(values: Iterable<T>): AsyncGenerator<T, void> {
  yield* values;
}
