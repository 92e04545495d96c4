import { CommanderError } from "commander";
import { program } from "./cli/program.ts";
import { InputError } from "./lib/errors.ts";

const FAILURE = 1;
const BAD_INPUT = 2;

try {
  await (await program(process.argv[2])).parseAsync();
} catch (error) {
  if (error instanceof InputError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = BAD_INPUT;
  } else if (error instanceof CommanderError) {
    // Commander has already said its line; help and version are successes.
    process.exitCode = error.exitCode === 0 ? 0 : BAD_INPUT;
  } else {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = FAILURE;
  }
}
