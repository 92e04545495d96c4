/** All streams of a step together write no more: above it more streams write slower ones. */
const MOST_FRAMES_PER_SECOND = 20_000;
/** Between two frames of a stream, on average, where that is not too much. */
const USUAL_GAP_MS = 20;
/** At a step's begin connections open and code is compiled, and all streams start at one time. */
const USUAL_SETTLE_MS = 1000;

/** How fast the streams of a step are written. */
export interface FramePace {
  /** Between two frames of a stream, on average. */
  readonly gapMs: number;
  /** So long nothing counts: until most of the streams that began together are over. */
  readonly settleMs: number;
}

export function framePace(streams: number): FramePace {
  const gapMs = Math.max(USUAL_GAP_MS, (streams * 1000) / MOST_FRAMES_PER_SECOND);
  return { gapMs, settleMs: (USUAL_SETTLE_MS * gapMs) / USUAL_GAP_MS };
}
