import type { Address } from "../gateway/load.ts";
import { installed } from "../gateway/installed.ts";
import { packageVersion } from "../gateway/peers.ts";
import { freePort, startRouter } from "../gateway/router-process.ts";
import type { RoutingPeer } from "./routing-peer.ts";

/** What starts each, its word for lines of warning, and where it is told of one more engine. */
const PROGRAMS = {
  "sglang-router": { package: "sglang-router", command: ["launch"], warn: "warn", join: "workers" },
  "vllm-router": { package: "vllm-router", command: [], warn: "warning", join: "add_worker" },
  smg: { package: "smg", command: ["launch"], warn: "warn", join: "workers" },
} as const;

export type RustRouter = keyof typeof PROGRAMS;

/** Health checks as often as Plimsoll's: theirs are a minute apart by default. */
const CHECKED = ["--health-check-interval-secs", "2"];

/** @param executables the folder where its program is; null for PATH */
export function rustPeer(program: RustRouter, policy: string, executables: string | null): RoutingPeer {
  const { package: of, command, warn, join } = PROGRAMS[program];
  const name = `${program} ${policy}`;
  return {
    name,
    own: false,
    start: async (engines, folder) => {
      const file = await installed(program, executables);
      const port = await freePort();
      const prometheusPort = await freePort();
      const served = [
        "--host",
        "127.0.0.1",
        "--port",
        String(port),
        "--prometheus-port",
        String(prometheusPort),
      ];
      const settings = ["--policy", policy, "--log-level", warn, ...CHECKED];
      const args = [...command, "--worker-urls", ...engines.map(urlOf), ...served, ...settings];
      const about = `${name}: ${of} ${await packageVersion(file, of)}, health checks every 2 s, else its defaults`;
      const running = await startRouter({ file, args, port, about }, folder);
      const [address] = running.addresses;
      return {
        address,
        about,
        join: async (engine) => {
          const response = await ask(join, address, urlOf(engine));
          if (!response.ok) throw new Error(`${name} takes no further engine: ${response.status}`);
        },
        stop: running.stop,
      };
    },
  };
}

function ask(route: "workers" | "add_worker", to: Address, engine: string): Promise<Response> {
  const method = "POST";
  if (route === "add_worker")
    return fetch(`${urlOf(to)}/add_worker?url=${encodeURIComponent(engine)}`, { method });
  const headers = { "content-type": "application/json" };
  return fetch(`${urlOf(to)}/workers`, { method, headers, body: JSON.stringify({ url: engine }) });
}

function urlOf({ host, port }: Address): string {
  return `http://${host}:${port}`;
}
