import { enableCompileCache } from "node:module";
import { exitByOutcome } from "./cli/exit-code.ts";
import { bearLostReaders } from "./cli/lost-readers.ts";
import { program } from "./cli/program.ts";
import { FROM_SOURCE, packageFile } from "./files/package-files.ts";

// What one start compiles, the next ones read. Threads and worker processes go by the variable. A package is of few files,
// and may lie where nothing can be written.
if (FROM_SOURCE) {
  process.env["NODE_COMPILE_CACHE"] ??= packageFile("dist/compile-cache");
  enableCompileCache();
}

bearLostReaders([process.stdout, process.stderr]);
await exitByOutcome(async () => (await program(process.argv[2])).parseAsync());
