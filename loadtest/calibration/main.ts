import { readFile, writeFile } from "node:fs/promises";
import { Command } from "commander";
import { constantsOfFit } from "../../src/cli/calibration/constants-table.ts";
import { Catalogue } from "../../src/cli/calibration/known-hardware.ts";
import { readMeasuredRows } from "../../src/cli/calibration/measured-rows.ts";
import { errorsBy, errorsTable } from "../../src/cli/calibration/row-groups.ts";
import { compare, unseenErrors, wholeRows } from "../../src/cli/calibration/unseen-errors.ts";
import { SHIPPED_CONSTANTS } from "../../src/config/calibration/constants-file.ts";
import { configurationOf, fit } from "../../src/twin/calibration/fit.ts";

/**
 * Fits the constants that ship to a table of measured points, and says how far they are off on points that they have
 * not seen: `npm run calibrate -- --measured points.csv`. Everything follows from the file: the same rows give the same
 * constants.
 */
const { measured, out } = new Command()
  .requiredOption("--measured <file>", "measured points (CSV; docs/calibration.md has the columns)")
  .option("--out <file>", "where to write the constants", SHIPPED_CONSTANTS)
  .parse()
  .opts<{ measured: string; out: string }>();

const rows = readMeasuredRows(await readFile(measured, "utf8"), measured, await Catalogue.shipped());
const whole = wholeRows(rows);
const say = (line: string) => process.stderr.write(`${line}\n`);
const { unseen, predicted } = unseenErrors(whole, say);
say("all together");
const constants = {
  source: "823 points of ai-dynamo/aiconfigurator's silicon_sample.csv (Apache-2.0), cleaned",
  rows: whole.length,
  configurations: [...new Set(whole.map(({ point }) => configurationOf(point)))].sort(),
  constants: constantsOfFit(fit(whole)),
  unseen,
};
await writeFile(out, `${JSON.stringify(constants, null, 1)}\n`);
const compared = compare(whole, predicted).map((one, i) => ({ ...one, row: whole[i].row }));
process.stdout.write(`${errorsTable(errorsBy(compared))}\n`);
