import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RoutingPolicy } from "../../../src/model/routing-policy.ts";
import type { Address } from "./load.ts";
import { MODEL } from "./mock-answers.ts";
import { freePort, startRouter } from "./router-process.ts";
import type { Router } from "./router.ts";

export const PLIMSOLL = "plimsoll";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/**
 * @param policy null for the default, `expert-aware`
 * @param profileFolder where V8 writes a CPU profile when the gateway stops; null for none
 */
export function plimsoll(policy: RoutingPolicy | null, profileFolder: string | null): Router {
  return gatewayOf(MAIN, policy === null ? PLIMSOLL : `${PLIMSOLL}-${policy}`, policy, profileFolder);
}

/** With all that passes recorded as a trace. */
export function plimsollCapture(): Router {
  return gatewayOf(MAIN, `${PLIMSOLL}-capture`, null, null, true);
}

/** The gateway of another checkout, such as one of an earlier commit. @param folder where `npm ci` was run */
export function plimsollBefore(folder: string): Router {
  return gatewayOf(join(folder, "src/main.ts"), `${PLIMSOLL}-before`, null, null);
}

function gatewayOf(
  main: string,
  name: string,
  policy: RoutingPolicy | null,
  profileFolder: string | null,
  captures = false,
): Router {
  return {
    name,
    everywhere: policy === null,
    start: async (engines, folder) => {
      const port = await freePort();
      const path = join(folder, "gateway.yaml");
      await writeFile(path, configuration(engines, port, policy, captures ? join(folder, "traces") : null));
      const profiling = profileFolder === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profileFolder];
      const args = [...profiling, main, "serve", "--config", path];
      const profiled = profileFolder === null ? "" : ", slowed by its profiler";
      const about = `Plimsoll, Node ${process.version}: 1 worker, default settings, policy ${policy ?? "expert-aware"}${captures ? ", all recorded" : ""}${profiled}`;
      return startRouter({ file: process.execPath, args, port, about }, folder);
    },
  };
}

/** As JSON, which is YAML. */
function configuration(
  engines: readonly Address[],
  port: number,
  policy: RoutingPolicy | null,
  directory: string | null,
): string {
  const urls = engines.map((engine) => `http://${engine.host}:${engine.port}`);
  const pool = { name: "bench", kind: "vllm", models: [MODEL], urls };
  const pools = [policy === null ? pool : { ...pool, policy }];
  return JSON.stringify({ http: { port }, ...(directory === null ? {} : { capture: { directory } }), pools });
}
