import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const MODULE = new URL("../../src/replay/short-pauses.ts", import.meta.url);

/** Bytes of the young generation of a process that has made much garbage, of which a part lives on. */
function youngBytes(before: string): number {
  const script = `
    import { getHeapSpaceStatistics } from "node:v8";
    ${before}
    const kept = [];
    for (let i = 0; i < 400_000; i++) kept[(i * 7919) % 40_000] = { i, pair: [i, i + 0.5] };
    console.log(getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size);
  `;
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }));
}

it("keeps the young generation small, which else grows with what lives on in it", () => {
  const small = youngBytes(`import { keepPausesShort } from "${MODULE.href}"; keepPausesShort();`);
  expect(small).toBeGreaterThan(0);
  expect(4 * small).toBeLessThan(youngBytes(""));
});
