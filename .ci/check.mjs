// What `npm test` runs once the bootstrap is done: the scripts of package.json in turn, up to the first that fails.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";

const RESULTS = "dist/test-results.json";

process.exitCode = succeeds("lint") && succeeds("typecheck") && testsPass() ? 0 : 1;

/** Runs a script under a heading. */
function succeeds(script, ...args) {
  process.stdout.write(`\n== ${script} ==\n`);
  const { status } = spawnSync("npm", ["run", "--silent", script, "--", ...args], { stdio: "inherit" });
  if (status !== 0) process.stderr.write(`\n${script} failed\n`);
  return status === 0;
}

/** Runs every test and ends the output with the counts, alone on a line. */
function testsPass() {
  rmSync(RESULTS, { force: true });
  const passed = succeeds("unit", "--reporter=default", "--reporter=json", `--outputFile.json=${RESULTS}`);
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(RESULTS, "utf8"));
  // A test file that cannot be loaded fails the run without failing a test.
  const failed = passed ? 0 : Math.max(1, numFailedTests);
  process.stdout.write(`${numPassedTests} passed, ${failed} failed\n`);
  return passed;
}
