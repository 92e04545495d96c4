import { describe, expect, it } from "vitest";
import { MixSums } from "../../src/routing/locality/mix-sums.ts";
import { signatureShape } from "../../src/routing/locality/signature-shape.ts";
import { Rng } from "../../src/lib/rng.ts";

const EXPERTS = 12;
const SHAPE = signatureShape(2, EXPERTS, 3);

function drawn(rng: Rng): Float32Array {
  return Float32Array.from({ length: SHAPE.width }, () => (rng.uniform() < 0.5 ? 0 : 0.8 * rng.uniform()));
}

describe("a step with a token of each request", () => {
  it("reads the experts that one of them is expected to select, and on the fullest GPU those that are there", () => {
    const rng = new Rng(1);
    const mixes = Array.from({ length: 6 }, () => drawn(rng));
    const sums = new MixSums(2, SHAPE);
    for (const mix of mixes) sums.add(1, mix);
    // Drawn a thousand times.
    const all = [0, 0];
    const tries = 4000;
    for (let n = 0; n < tries; n++) {
      for (let layer = 0; layer < 2; layer++) {
        const reads = Array.from({ length: EXPERTS }, (_, expert) =>
          mixes.some((mix) => rng.uniform() < mix[layer * EXPERTS + expert]),
        );
        all[0] += reads.filter(Boolean).length / 2 / tries;
      }
    }
    const slots = {
      expertOf: Array.from({ length: EXPERTS }, (_, i) => (i === 5 ? -1 : i)),
      shares: Array.from({ length: EXPERTS }, () => 1),
      slotsPerGpu: 4,
    };
    const step = sums.step(1, 6, () => slots);
    expect(step.distinctExperts).toBeCloseTo(all[0], 1);
    expect(step.fullestGpuExperts).toBeGreaterThan(step.distinctExperts / 4);
    expect(step.fullestGpuExperts).toBeLessThanOrEqual(4);
    expect(sums.step(1, 6, null).fullestGpuExperts).toBeNull();
    sums.empty();
    expect([...sums.requests]).toEqual([0, 0]);
  });

  it("reads fewer where they are alike", () => {
    const [alike, mixed] = [new MixSums(1, SHAPE), new MixSums(1, SHAPE)];
    const kind = (first: number) =>
      new Float32Array(SHAPE.width).map((_, i) => (Math.floor((i % EXPERTS) / 6) === first ? 0.5 : 0));
    for (let i = 0; i < 8; i++) {
      alike.add(0, kind(0));
      mixed.add(0, kind(i % 2));
    }
    expect(alike.step(0, 8, null).distinctExperts).toBeCloseTo(6, 1);
    expect(mixed.step(0, 8, null).distinctExperts).toBeGreaterThan(10);
  });
});
