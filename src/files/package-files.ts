import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";

/**
 * What threads and processes of their own run: modules under src/, without their endings. `npm run build` makes a file
 * of each.
 */
export const ENTRY_MODULES = [
  "capture/writer-thread",
  "cli/replay/scenario/gateway-process",
  "cli/replay/workers/worker-process",
  "control/plan/planner-worker",
  "control/solve/solver-worker",
  "engines/sglang/dump-worker",
  "engines/simulated/pool-worker",
  "plans/plan-worker",
  "plans/trial-worker",
  "plans/what-if/what-if-worker",
  "replay/self-test/mock-process",
] as const;

/** Whether the TypeScript of a checkout runs, and not what was built of it. */
export const FROM_SOURCE = import.meta.filename.endsWith(".ts");

const ROOT = dirname(findPackageJSON("..", import.meta.url) ?? "");

/**
 * Where a file or folder is that comes with the program.
 * @param path from the folder of package.json: `config/default.yaml`
 */
export function packageFile(path: string): string {
  return join(ROOT, path);
}

/** The file of a module that runs by itself: its source in a checkout, what was built of it in a package. */
export function entryFile(name: (typeof ENTRY_MODULES)[number]): string {
  return packageFile(FROM_SOURCE ? `src/${name}.ts` : `dist/node/${name}.js`);
}
