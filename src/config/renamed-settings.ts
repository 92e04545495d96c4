import { type Section, isSection } from "./section.ts";

/** Settings that had another name before: files that use it go on to work. */
const RENAMED: readonly (readonly [before: string, now: string])[] = [
  ["upstream.headTimeoutMs", "upstream.firstTokenTimeoutMs"],
  ["health.outlier.headFactor", "health.outlier.firstByteFactor"],
  ["health.outlier.headLeastMs", "health.outlier.firstByteLeastMs"],
];

/** The same settings by the names they have now. One that is written by both names goes by the present one. */
export function byPresentNames(settings: Section): Section {
  const renamed = structuredClone(settings);
  for (const [before, now] of RENAMED) {
    const path = before.split(".");
    const section = path
      .slice(0, -1)
      .reduce<unknown>((at, name) => (isSection(at) ? at[name] : null), renamed);
    if (!isSection(section)) continue;
    const [old, present] = [path.at(-1) as string, now.split(".").at(-1) as string];
    if (!(old in section)) continue;
    section[present] ??= section[old];
    delete section[old];
  }
  return renamed;
}
