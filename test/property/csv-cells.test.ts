import fc from "fast-check";
import { expect, test } from "vitest";
import { cellsOf } from "../../src/formats/traces/csv-columns.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20261201, numRuns: runs(120) };
const letters = fc.constantFrom("a", "7", " ", '"', ",", ";", "\t");
const cell = fc.string({ unit: letters, maxLength: 8 });
const separator = fc.constantFrom(",", ";", "\t");

test("cells are those that were written, in quotes or plain", () => {
  const row = fc.tuple(fc.array(fc.tuple(cell, fc.boolean()), { minLength: 1, maxLength: 6 }), separator);
  fc.assert(
    fc.property(row, ([cells, sign]) => {
      const written = cells.map(([text, plain]) =>
        plain && !text.includes('"') && !text.includes(sign) ? text : `"${text.replaceAll('"', '""')}"`,
      );
      expect(cellsOf(written.join(sign), sign)).toEqual(cells.map(([text]) => text));
    }),
    SEED,
  );
});

test("no row, however odd its quotes, loses or makes up what stands between them", () => {
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 30 }), separator, (row, sign) => {
      const bare = (text: string) => text.replaceAll(/["\s,;]/g, "");
      expect(bare(cellsOf(row, sign).join(""))).toBe(bare(row));
    }),
    SEED,
  );
});
