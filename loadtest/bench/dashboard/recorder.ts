/** What the page itself has seen, milliseconds each. */
export interface Recorded {
  /** From each frame to the next, as `requestAnimationFrame` has them. */
  readonly frames: readonly number[];
  /** Tasks of 50 ms and more, in which the page answers nobody. */
  readonly longTasks: readonly number[];
  /** From what a person did until it was painted, of all that took 16 ms and more. */
  readonly inputs: readonly number[];
  /** When the status line and the heat map were there first, since the navigation began; null before. */
  readonly statusAt: number | null;
  readonly heatMapAt: number | null;
}

/** Runs in the page before its own scripts: as a text, since what it uses is there and not here. */
export const RECORDER = `
  globalThis.recorder = (() => {
    const seen = { frames: [], longTasks: [], inputs: [] };
    const first = { statusAt: null, heatMapAt: null };
    const record = (type, into, more) =>
      new PerformanceObserver((list) => into().push(...list.getEntries().map(({ duration }) => duration)))
        .observe({ type, ...more });
    record("longtask", () => seen.longTasks, {});
    record("event", () => seen.inputs, { durationThreshold: 16 });
    let recording = false;
    let before = 0;
    const frame = (at) => {
      if (recording && before > 0) seen.frames.push(at - before);
      before = at;
      if (first.statusAt === null && document.querySelector(".status .calm")?.textContent) first.statusAt = at;
      if (first.heatMapAt === null && document.querySelector(".heat-map canvas")) first.heatMapAt = at;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    return {
      begin() {
        for (const list of Object.values(seen)) list.length = 0;
        before = 0;
        recording = true;
      },
      end() {
        recording = false;
        return { ...structuredClone(seen), ...first };
      },
    };
  })();
`;
