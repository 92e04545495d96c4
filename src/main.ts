import { exitByOutcome } from "./cli/exit-code.ts";
import { program } from "./cli/program.ts";

await exitByOutcome(async () => (await program(process.argv[2])).parseAsync());
