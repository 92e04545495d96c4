import { CommanderError } from "commander";
import { InputError } from "../lib/errors.ts";
import { printable } from "../lib/printable.ts";
import { WorkerFailed } from "../workers/worker-failed.ts";

const SUCCESS = 0;
const FAILURE = 1;
const BAD_INPUT = 2;

/** Runs a command line to its end: bad input says a line for each problem and exits 2, a failure its stack and exits 1. */
export async function exitByOutcome(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof InputError) {
      process.stderr.write(`${[error.message, ...error.others].map(printable).join("\n")}\n`);
      process.exitCode = BAD_INPUT;
    } else if (error instanceof WorkerFailed) {
      // The worker has already said its line.
      process.exitCode = error.code;
    } else if (error instanceof CommanderError) {
      // Commander has already said its line; help and version are successes.
      process.exitCode = error.exitCode === SUCCESS ? SUCCESS : BAD_INPUT;
    } else {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = FAILURE;
    }
  }
}
