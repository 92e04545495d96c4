import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { installed, versionSaid } from "./installed.ts";
import type { Address } from "./load.ts";
import { MODEL } from "./mock-answers.ts";
import { freePort, startRouter } from "./router-process.ts";
import type { Router } from "./router.ts";

/** Requests in flight that they let in, as many as Plimsoll does: fewer would answer 512 clients with 429. */
const MAX_IN_FLIGHT = "4096";

/** The routers a user would pick instead. @param folder where their executables are; null for PATH */
export function peers(folder: string | null): Router[] {
  return [
    rustRouter("sglang-router", CACHE_AWARE, folder),
    rustRouter("vllm-router", CACHE_AWARE, folder),
    liteLlm(folder),
  ];
}

/** Those that look for cached prefixes unless told otherwise, told otherwise. */
export function roundRobinPeers(folder: string | null): Router[] {
  return [rustRouter("sglang-router", ROUND_ROBIN, folder), rustRouter("vllm-router", ROUND_ROBIN, folder)];
}

/** Their default. */
const CACHE_AWARE = "cache_aware";
const ROUND_ROBIN = "round_robin";

/** What starts each, and its word for lines of warning. */
const RUST_ROUTERS = {
  "sglang-router": { command: ["launch"], warn: "warn" },
  "vllm-router": { command: [], warn: "warning" },
} as const;

function rustRouter(name: keyof typeof RUST_ROUTERS, policy: string, executables: string | null): Router {
  return {
    name: policy === CACHE_AWARE ? name : `${name}-round-robin`,
    everywhere: false,
    start: async (engines, folder) => {
      const file = await installed(name, executables);
      const port = await freePort();
      const { command, warn } = RUST_ROUTERS[name];
      const settings = ["--policy", policy, "--log-level", warn];
      const args = [...command, ...launched(engines, port, await freePort()), ...settings];
      const version = await packageVersion(file, name);
      const about = `${name} ${version}: ${policy}, log level warn, ${MAX_IN_FLIGHT} requests let in`;
      return startRouter({ file, args, port, about }, folder);
    },
  };
}

function launched(engines: readonly Address[], port: number, prometheusPort: number): string[] {
  const urls = engines.map((engine) => `http://${engine.host}:${engine.port}`);
  const served = ["--host", "127.0.0.1", "--port", String(port), "--prometheus-port", String(prometheusPort)];
  return ["--worker-urls", ...urls, ...served, "--max-concurrent-requests", MAX_IN_FLIGHT];
}

function liteLlm(executables: string | null): Router {
  return {
    name: "litellm",
    everywhere: false,
    start: async (engines, folder) => {
      const file = await installed("litellm", executables);
      const port = await freePort();
      const path = join(folder, "litellm.yaml");
      const model_list = engines.map((engine) => ({
        model_name: MODEL,
        litellm_params: {
          model: `openai/${MODEL}`,
          api_base: `http://${engine.host}:${engine.port}/v1`,
          api_key: "none",
        },
      }));
      await writeFile(path, JSON.stringify({ model_list, litellm_settings: { set_verbose: false } }));
      const args = ["--config", path, "--host", "127.0.0.1", "--port", String(port), "--telemetry", "False"];
      const environment = {
        LITELLM_MODE: "PRODUCTION",
        LITELLM_LOG: "ERROR",
        // Clients need no key, as before the others.
        LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: "true",
        // The list of prices that it would fetch.
        LITELLM_LOCAL_MODEL_COST_MAP: "True",
      };
      const version = await packageVersion(file, "litellm");
      const about = `LiteLLM ${version}: simple-shuffle (its default), 1 worker, LITELLM_MODE=PRODUCTION`;
      return startRouter({ file, args, environment, port, about }, folder);
    },
  };
}

/** Of a Python package, as the interpreter beside its executable knows it. */
export function packageVersion(file: string, name: string): Promise<string> {
  const program = `import importlib.metadata as m; print(m.version("${name}"))`;
  return versionSaid(join(dirname(file), "python3"), "-c", program);
}
