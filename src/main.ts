import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { exitByOutcome } from "./cli/exit-code.ts";
import { bearLostReaders } from "./cli/lost-readers.ts";
import { program } from "./cli/program.ts";

// What one start compiles, the next ones read. Threads and worker processes go by the variable.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("../dist/compile-cache", import.meta.url));
enableCompileCache();

bearLostReaders([process.stdout, process.stderr]);
await exitByOutcome(async () => (await program(process.argv[2])).parseAsync());
