import fc from "fast-check";
import { expect, test } from "vitest";
import { type Row, inSteps } from "../../src/control/history/falling-rows.ts";
import { type Filling, fillingsTogether } from "../../src/control/history/filling.ts";
import {
  GPU_MOSTS,
  GPU_SUMS,
  type GpuFigures,
  type GpuRow,
  gpuRowsTogether,
} from "../../src/control/history/gpu-row.ts";
import { PART_S, isOver, partName, partSeconds, partsOf } from "../../src/control/history/gpu-parts.ts";
import { encodeGpus } from "../../src/control/messages/stored-gpus.ts";

const RUNS = 200;
const GPUS = 6;

const perGpu = fc.array(fc.nat(5), { maxLength: GPUS });
/** Few values, so that many are the same. */
const filling: fc.Arbitrary<Filling> = fc.record({
  gpu: fc.nat(GPUS),
  held: fc.integer({ min: 1, max: 4 }),
  experts: fc.array(
    fc.record({ layer: fc.nat(1), expert: fc.nat(1), load: fc.nat(2), share: fc.constant(1) }),
    { minLength: 1, maxLength: 3 },
  ),
});
const oneEach = fc
  .array(filling, { maxLength: 3 })
  .map((some) => some.reduce<readonly Filling[]>((sum, one) => fillingsTogether(sum, [one]), []));
const figures = fc.record({
  spanMs: fc.nat(),
  even: fc.nat(2 ** 40),
  rankWindows: fc.nat(10),
  fullest: oneEach,
  ...Object.fromEntries([...GPU_SUMS, ...GPU_MOSTS].map((name) => [name, perGpu])),
}) as unknown as fc.Arbitrary<GpuFigures>;

/** Without zeros at ends, and in one order: these say nothing. */
function same(row: GpuFigures) {
  const ends = (values: readonly number[]) => values.slice(0, values.findLastIndex((value) => value > 0) + 1);
  const lists = [...GPU_SUMS, ...GPU_MOSTS].map((name) => [name, ends(row[name])]);
  return { ...row, ...(Object.fromEntries(lists) as object), fullest: new Set(row.fullest) };
}

test("rows put together in any order and in any groups are the same", () => {
  fc.assert(
    fc.property(
      fc.array(figures, { minLength: 2, maxLength: 8 }).chain((rows) =>
        fc.record({
          rows: fc.constant(rows),
          shuffled: fc.shuffledSubarray(rows, { minLength: rows.length }),
          picks: fc.array(fc.nat(), { minLength: rows.length, maxLength: rows.length }),
        }),
      ),
      ({ rows, shuffled, picks }) => {
        const atOnce = rows.reduce(gpuRowsTogether);
        // Two neighbours at a time, anywhere.
        let groups = [...shuffled];
        for (const pick of picks) {
          if (groups.length === 1) break;
          const at = pick % (groups.length - 1);
          const both = gpuRowsTogether(groups[at], groups[at + 1]);
          groups = [...groups.slice(0, at), both, ...groups.slice(at + 2)];
        }
        const inGroups = groups.reduce(gpuRowsTogether);
        expect(same(inGroups)).toEqual(same(atOnce));
        expect(inGroups.fullest.length).toBeLessThanOrEqual(4);
      },
    ),
    { seed: 1, numRuns: RUNS },
  );
});

test("the GPU that steps waited for most in any ten seconds is kept with what filled it then", () => {
  fc.assert(
    fc.property(fc.array(figures, { minLength: 1, maxLength: 8 }), (rows) => {
      const most = Math.max(0, ...rows.flatMap(({ fullest }) => fullest.map(({ held }) => held)));
      const [first] = rows.reduce(gpuRowsTogether, { ...rows[0], fullest: [] }).fullest;
      expect(first?.held ?? 0).toBe(most);
      if (first !== undefined)
        expect(rows.some(({ fullest }) => fullest.some((one) => one === first))).toBe(true);
    }),
    { seed: 2, numRuns: RUNS },
  );
});

test("parts become coarser as a whole when they are an hour old, and go after a day or when they are of the future", () => {
  const nowS = 1_800_000_000;
  const part = (atS: number, seconds = 10): Row => ({ atS, seconds });
  fc.assert(
    fc.property(fc.integer({ min: -300, max: 300 }), (parts) => {
      const atS = nowS + parts * PART_S;
      const ageS = nowS - atS - PART_S;
      expect(isOver(part(atS), nowS)).toBe(ageS >= 86_400 || ageS <= -2 * PART_S);
      if (!isOver(part(atS), nowS)) expect(partSeconds(part(atS), nowS)).toBe(ageS >= 3600 ? 60 : 10);
      expect(partSeconds(part(atS, 60), nowS)).toBe(60);
    }),
    { seed: 3, numRuns: RUNS },
  );
  const names = [partName(nowS, 60, "ab"), "of a later version", partName(nowS - PART_S, 10, "0f")];
  expect(partsOf(names)).toEqual([
    { name: names[2], atS: nowS - PART_S, seconds: 10 },
    { name: names[0], atS: nowS, seconds: 60 },
  ]);
});

test("a day of 320 GPUs is bounded in bytes", () => {
  const held = (gpu: number) => 1_450_000 * ((gpu * 37) % 90);
  const expert = { layer: 40, expert: 300, load: 180, share: 50 };
  const row: GpuRow = {
    atS: 1_800_000_000,
    seconds: 10,
    spanMs: 10_000,
    even: 14_500_000_000,
    rankWindows: 10,
    load: Array.from({ length: 320 }, (_, gpu) => 14_500_000_000 + 1000 * held(gpu)),
    held: Array.from({ length: 320 }, (_, gpu) => held(gpu)),
    kvUse: Array.from({ length: 320 }, (_, gpu) => 50 + (gpu % 40)),
    waiting: Array.from({ length: 320 }, (_, gpu) => gpu % 20),
    running: Array.from({ length: 320 }, (_, gpu) => 100 + (gpu % 27)),
    state: Array.from({ length: 320 }, (_, gpu) => (gpu === 319 ? 2 : 0)),
    fullest: [1, 2, 3, 300].map((gpu) => ({
      gpu,
      held: 90,
      experts: Array.from({ length: 6 }, () => expert),
    })),
  };
  const minute = Array.from({ length: 5 }, (_, i) => ({ ...row, atS: row.atS + 60 * i, seconds: 60 }));
  const fine = Array.from({ length: 30 }, (_, i) => ({ ...row, atS: row.atS + 10 * i }));
  // 13 parts of ten seconds at most, of the others 276.
  const bytes = 13 * encodeGpus(fine).length + 276 * encodeGpus(minute).length;
  expect(bytes).toBeLessThan(4e6);
  expect(inSteps(fine, 60, gpuRowsTogether)).toHaveLength(5);
});
