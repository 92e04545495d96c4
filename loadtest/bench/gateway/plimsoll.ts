import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startOtlpServer } from "../../../harness/fakes/otlp-server.ts";
import type { RoutingPolicy } from "../../../src/model/routing-policy.ts";
import type { Address } from "./load.ts";
import { MODEL } from "./mock-answers.ts";
import { requestBodies } from "./request-bodies.ts";
import { freePort, startRouter } from "./router-process.ts";
import type { Router } from "./router.ts";

export const PLIMSOLL = "plimsoll";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/**
 * What is traced before anything counts: near its limit a gateway has traced as much within half a minute at 1 %, and V8
 * has compiled what traces.
 */
const TRACED_FIRST = 3000;
const TOGETHER = 20;
const SAMPLED = `00-${"1".repeat(32)}-${"1".repeat(16)}-01`;
const BODY_BYTES = 2048;

interface Variant {
  readonly name: string;
  /** Null for the default, `expert-aware`. */
  readonly policy?: RoutingPolicy | null;
  /** Where V8 writes a CPU profile when the gateway stops; null for none. */
  readonly profileFolder?: string | null;
  /** Whether all that passes is recorded as a trace. */
  readonly captures?: boolean;
  /** The part of the requests whose spans go to a collector; null where no collector is named. */
  readonly traced?: number | null;
}

/**
 * @param policy null for the default, `expert-aware`
 * @param profileFolder where V8 writes a CPU profile when the gateway stops; null for none
 */
export function plimsoll(policy: RoutingPolicy | null, profileFolder: string | null): Router {
  const name = policy === null ? PLIMSOLL : `${PLIMSOLL}-${policy}`;
  return gatewayOf(MAIN, { name, policy, profileFolder });
}

/** With all that passes recorded as a trace. */
export function plimsollCapture(): Router {
  return gatewayOf(MAIN, { name: `${PLIMSOLL}-capture`, captures: true });
}

/**
 * With a collector beside it.
 * @param percent of the requests that are traced
 * @param profileFolder as above
 */
export function plimsollTraced(percent: number, profileFolder: string | null): Router {
  return gatewayOf(MAIN, { name: `${PLIMSOLL}-traced-${percent}`, traced: percent / 100, profileFolder });
}

/** The gateway of another checkout, such as one of an earlier commit. @param folder where `npm ci` was run */
export function plimsollBefore(folder: string): Router {
  return gatewayOf(join(folder, "src/main.ts"), { name: `${PLIMSOLL}-before` });
}

function gatewayOf(
  main: string,
  { name, policy = null, profileFolder = null, captures = false, traced = null }: Variant,
): Router {
  return {
    name,
    everywhere: policy === null,
    start: async (engines, folder) => {
      const port = await freePort();
      const path = join(folder, "gateway.yaml");
      const collector = traced === null ? null : await startOtlpServer(0, 1);
      const settings = {
        http: { port },
        ...(captures ? { capture: { directory: join(folder, "traces") } } : {}),
        ...(collector === null ? {} : { telemetry: { endpoint: collector.url, sample: traced } }),
        pools: [poolOf(engines, policy)],
      };
      // As JSON, which is YAML.
      await writeFile(path, JSON.stringify(settings));
      const profiling = profileFolder === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profileFolder];
      const args = [...profiling, main, "serve", "--config", path];
      const notes = [
        `policy ${policy ?? "expert-aware"}`,
        ...(captures ? ["all recorded"] : []),
        ...(traced === null ? [] : [`${100 * traced} % traced`]),
        ...(profileFolder === null ? [] : ["slowed by its profiler"]),
      ];
      const about = `Plimsoll, Node ${process.version}: 1 worker, default settings, ${notes.join(", ")}`;
      const running = await startRouter({ file: process.execPath, args, port, about }, folder);
      if (collector === null) return running;
      await traceFirst(port);
      const stop = async () => {
        await running.stop();
        await collector.close();
        if (collector.requests.length === 0 && traced === 1) throw new Error(`${name} has sent no span`);
      };
      return { ...running, stop };
    },
  };
}

function poolOf(engines: readonly Address[], policy: RoutingPolicy | null): object {
  const urls = engines.map((engine) => `http://${engine.host}:${engine.port}`);
  const pool = { name: "bench", kind: "vllm", models: [MODEL], urls };
  return policy === null ? pool : { ...pool, policy };
}

async function traceFirst(port: number): Promise<void> {
  const [body] = requestBodies(BODY_BYTES, false);
  const headers = { "content-type": "application/json", traceparent: SAMPLED };
  const ask = async () => {
    const init = { method: "POST", headers, body };
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, init);
    await response.arrayBuffer();
  };
  for (let sent = 0; sent < TRACED_FIRST; sent += TOGETHER)
    await Promise.all(Array.from({ length: TOGETHER }, ask));
}
