import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Address } from "./load.ts";
import { MODEL } from "./mock-answers.ts";
import { freePort, startRouter } from "./router-process.ts";
import type { Router } from "./router.ts";

export const PLIMSOLL = "plimsoll";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/** @param profileFolder where V8 writes a CPU profile when the gateway stops; null for none */
export function plimsoll(profileFolder: string | null): Router {
  return {
    name: PLIMSOLL,
    everywhere: true,
    start: async (engines, folder) => {
      const port = await freePort();
      const path = join(folder, "gateway.yaml");
      await writeFile(path, configuration(engines, port));
      const profiling = profileFolder === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profileFolder];
      const args = [...profiling, MAIN, "serve", "--config", path];
      const profiled = profileFolder === null ? "" : ", slowed by its profiler";
      const about = `Node ${process.version}: 1 worker, default settings${profiled}`;
      return startRouter({ file: process.execPath, args, port, about }, folder);
    },
  };
}

/** As JSON, which is YAML. */
function configuration(engines: readonly Address[], port: number): string {
  const urls = engines.map((engine) => `http://${engine.host}:${engine.port}`);
  const pools = [{ name: "bench", kind: "openai", models: [MODEL], urls }];
  return JSON.stringify({ http: { port }, pools });
}
