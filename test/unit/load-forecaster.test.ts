import { describe, expect, it } from "vitest";
import { LoadForecaster } from "../../src/core/load/load-forecaster.ts";
import { LoadTracker } from "../../src/core/load/load-tracker.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { TopicWindows } from "../topic-windows.ts";

/** Eight windows in a horizon. */
const WINDOW_MS = 1000;
const HORIZON_MS = 8000;

const EVEN = [1, 1, 1, 1, 1, 1];
const ONE_HALF = [1, 1, 1, 0, 0, 0];
const OTHER_HALF = [0, 0, 0, 1, 1, 1];

function forecaster({ layers, experts }: TopicWindows): LoadForecaster {
  return new LoadForecaster(layers, experts, HORIZON_MS);
}

function parts(tokens: Float64Array): Float64Array {
  const sum = tokens.reduce((all, value) => all + value, 0);
  return tokens.map((value) => value / sum);
}

/** Σ |a − b| over parts of the whole: 0..2. */
function distance(a: Float64Array, b: Float64Array): number {
  const [x, y] = [parts(a), parts(b)];
  return x.reduce((sum, value, i) => sum + Math.abs(value - y[i]), 0);
}

/** The load of a whole horizon, window by window. */
function horizon(windows: TopicWindows, mix: () => readonly number[]): ExpertLoad[] {
  return Array.from({ length: HORIZON_MS / WINDOW_MS }, () => windows.next(mix()));
}

function total(loads: readonly ExpertLoad[]): Float64Array {
  return loads[0].tokens.map((_, i) => loads.reduce((sum, { tokens }) => sum + tokens[i], 0));
}

describe("the load forecaster", () => {
  it("knows nothing at first, nor from a window without tokens", () => {
    const windows = new TopicWindows(1);
    const subject = forecaster(windows);
    const nothing = new Float64Array(windows.layers * windows.experts);
    expect(subject.observe({ ...windows.next(EVEN), tokens: nothing }, WINDOW_MS)).toBe(false);
    const { mean, deviation } = subject.forecast();
    expect(mean).toEqual({ layers: windows.layers, experts: windows.experts, tokens: nothing });
    expect(deviation).toEqual(nothing);
  });

  it("takes tokens for independent until it knows better: Poisson", () => {
    const windows = new TopicWindows(2);
    const subject = forecaster(windows);
    subject.observe(windows.next(EVEN), WINDOW_MS);
    const { mean, deviation } = subject.forecast();
    const seconds = HORIZON_MS / 1000;
    const poisson = mean.tokens.map((rate) => Math.sqrt(rate * seconds) / seconds);
    deviation.forEach((value, i) => expect(value).toBeCloseTo(poisson[i], 9));
  });

  it("comes to the truth of a steady load, in tokens per second", () => {
    const windows = new TopicWindows(3);
    const subject = forecaster(windows);
    let last = windows.next(EVEN);
    for (let i = 0; i < 400; i++) subject.observe((last = windows.next(EVEN)), WINDOW_MS);
    const { tokens } = subject.forecast().mean;
    const truth = windows.expected(EVEN);
    expect(distance(tokens, truth)).toBeLessThan(0.25 * distance(last.tokens, truth));
    expect(tokens.reduce((sum, rate) => sum + rate, 0)).toBeCloseTo(2400, 6);
  });

  it("is as good as the best memory, on a load that stays and on one that wanders", () => {
    const memories = [1 / 8, 1, 8];
    const stays = () => EVEN;
    const wanders = () => {
      const rng = new Rng(5);
      const log = EVEN.map(() => 0);
      return () => log.map((value, i) => Math.exp((log[i] = 0.98 * value + 0.4 * rng.normal())));
    };
    const best = [stays, wanders()].map((mix) => {
      const windows = new TopicWindows(4);
      const subject = forecaster(windows);
      const fixed = memories.map((m) => new LoadTracker(windows.layers, windows.experts, m * HORIZON_MS));
      const errors = memories.map(() => 0);
      let ours = 0;
      for (let i = 0; i < 120; i++) {
        const loads = horizon(windows, mix);
        if (i >= 20) {
          ours += distance(subject.forecast().mean.tokens, total(loads));
          fixed.forEach((tracker, m) => (errors[m] += distance(tracker.forecast().tokens, total(loads))));
        }
        for (const load of loads) for (const each of [subject, ...fixed]) each.observe(load, WINDOW_MS);
      }
      expect(ours).toBeLessThan(1.03 * Math.min(...errors));
      return errors.indexOf(Math.min(...errors));
    });
    expect(best).toEqual([2, 0]);
  });

  /** The part of experts whose rate over the next horizon comes within two deviations of its forecast. */
  function covered(subject: LoadForecaster, next: readonly ExpertLoad[]): number {
    const { mean, deviation } = subject.forecast();
    const far = total(next).filter(
      (tokens, i) => Math.abs(tokens / (HORIZON_MS / 1000) - mean.tokens[i]) > 2 * deviation[i],
    );
    return 1 - far.length / deviation.length;
  }

  it("covers what comes with two deviations, 95 times in 100", () => {
    const windows = new TopicWindows(6);
    const subject = forecaster(windows);
    let sum = 0;
    for (let i = 0; i < 120; i++) {
      const loads = horizon(windows, () => EVEN);
      if (i >= 20) sum += covered(subject, loads);
      for (const load of loads) subject.observe(load, WINDOW_MS);
    }
    expect(sum / 100).toBeGreaterThan(0.93);
    expect(sum / 100).toBeLessThan(0.97);
  });

  it("is on the safe side after a single horizon", () => {
    let sum = 0;
    for (let seed = 50; seed < 70; seed++) {
      const windows = new TopicWindows(seed);
      const subject = forecaster(windows);
      for (const load of horizon(windows, () => EVEN)) subject.observe(load, WINDOW_MS);
      sum += covered(
        subject,
        horizon(windows, () => EVEN),
      );
    }
    expect(sum / 20).toBeGreaterThan(0.95);
  });

  it("takes more traffic for more of the same", () => {
    const windows = new TopicWindows(7);
    const subject = forecaster(windows);
    for (let i = 0; i < 200; i++) subject.observe(windows.next(EVEN), WINDOW_MS);
    const before = subject.forecast().mean.tokens;
    for (let i = 0; i < 40; i++) {
      const { layers, experts } = windows;
      const more = { layers, experts, tokens: total(horizon(windows, () => EVEN)) };
      expect(subject.observe(more, WINDOW_MS)).toBe(false);
    }
    const after = subject.forecast().mean.tokens;
    expect(distance(before, after)).toBeLessThan(0.15);
    expect(after[0] / before[0]).toBeGreaterThan(5);
  });

  it("finds a change of the mix within two horizons, and forgets what was before", () => {
    for (let seed = 10; seed < 20; seed++) {
      const windows = new TopicWindows(seed);
      const subject = forecaster(windows);
      const tracker = new LoadTracker(windows.layers, windows.experts, HORIZON_MS);
      const observe = (mix: readonly number[]) => {
        const load = windows.next(mix);
        tracker.observe(load, WINDOW_MS);
        return subject.observe(load, WINDOW_MS);
      };
      for (let i = 0; i < 160; i++) observe(ONE_HALF);
      let found = false;
      for (let i = 0; i < 16 && !found; i++) found = observe(OTHER_HALF);
      expect(found).toBe(true);
      for (let i = 0; i < 4; i++) observe(OTHER_HALF);
      const truth = windows.expected(OTHER_HALF);
      const error = distance(subject.forecast().mean.tokens, truth);
      expect(error).toBeLessThan(0.6 * distance(tracker.forecast().tokens, truth));
    }
  });

  it("raises no more false alarms than stated: one in about 116 horizons", () => {
    let [alarms, horizons] = [0, 0];
    for (let seed = 30; seed < 34; seed++) {
      const windows = new TopicWindows(seed);
      const subject = forecaster(windows);
      for (let i = 0; i < 800; i++) if (subject.observe(windows.next(EVEN), WINDOW_MS)) alarms++;
      horizons += 100;
    }
    expect(alarms / horizons).toBeLessThan(2 / 116);
  });

  it("never takes the very same load for a change", () => {
    const windows = new TopicWindows(40);
    const subject = forecaster(windows);
    const load = windows.next(EVEN);
    for (let i = 0; i < 400; i++) expect(subject.observe(load, WINDOW_MS * (1 + 0.1 * (i % 3)))).toBe(false);
  });
});
