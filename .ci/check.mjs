// What `npm test` runs once the bootstrap is done: the scripts of package.json for lint and types, and the tests beside
// them: all but the long ones (test/long-files.ts), which `--all` has too. What the tests print waits until the two are over. A failure stops nothing: one run shows all there is.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";

const RESULTS = "dist/test-results.json";
// Lint and types are Go programs that live for seconds: to collect their garbage is a third of their work.
const NO_COLLECTION = { GOGC: "off", GOMEMLIMIT: "3GiB" };

rmSync(RESULTS, { force: true });
// Help is of all commands: what is compiled for it is read by every process of the tests, which each compiled it before.
await once(spawn(process.execPath, ["src/main.ts", "--help"], { stdio: "ignore" }), "close");
const reports = ["--reporter=default", "--reporter=json", `--outputFile.json=${RESULTS}`];
const tests = start(
  process.argv.includes("--all") ? "unit" : "unit:short",
  "pipe",
  ...reports,
  ...(process.stdout.isTTY ? ["--color"] : []),
);
const printed = new PassThrough({ highWaterMark: 2 ** 26 });
for (const output of [tests.stdout, tests.stderr]) output.pipe(printed, { end: false });
const testsOver = once(tests, "close").finally(() => printed.end());

const failed = [];
for (const script of ["lint", "typecheck"]) {
  heading(script);
  judge(script, await once(start(script, "inherit"), "close"));
}
heading("unit");
await pipeline(printed, process.stdout, { end: false });
judge("unit", await testsOver);

// The counts end the output, alone on a line.
const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, "utf8")) : {};
const { numPassedTests = 0, numFailedTests = 0 } = results;
// Whatever fails the run counts, a test file that cannot be loaded too.
process.stdout.write(`${numPassedTests} passed, ${Math.max(numFailedTests, failed.length)} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

function start(script, output, ...args) {
  const stdio = ["inherit", output, output];
  const env = { ...NO_COLLECTION, ...process.env };
  return spawn("npm", ["run", "--silent", script, "--", ...args], { stdio, env });
}

function heading(script) {
  process.stdout.write(`\n== ${script} ==\n`);
}

function judge(script, [status]) {
  if (status === 0) return;
  failed.push(script);
  process.stderr.write(`\n${script} failed\n`);
}
