import { Command } from "commander";

const FAILURE = 1;

/** `plan`: its place on the command line; it says that it is not there yet. */
export function planCommand(): Command {
  return new Command("plan")
    .description("Fewest GPUs for a rate under latency targets. Not in this version: says so and exits 1.")
    .argument("[ignored...]")
    .allowUnknownOption()
    .exitOverride()
    .action(() => {
      process.stderr.write("plan is not in this version yet; `simulate` answers what-if for a given pool\n");
      process.exitCode = FAILURE;
    });
}
