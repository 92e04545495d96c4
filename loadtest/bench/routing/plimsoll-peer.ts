import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RoutingPolicy } from "../../../src/model/routing-policy.ts";
import type { Address } from "../gateway/load.ts";
import { MODEL } from "../gateway/mock-answers.ts";
import { freePort, startRouter } from "../gateway/router-process.ts";
import type { RoutingPeer } from "./routing-peer.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/** @param folder of another checkout, installed; null for this one */
export function plimsollPeer(name: string, policy: RoutingPolicy, folder: string | null = null): RoutingPeer {
  const main = folder === null ? MAIN : join(folder, "src/main.ts");
  return {
    name,
    own: true,
    start: async (engines, own) => {
      const port = await freePort();
      const config = join(own, "gateway.yaml");
      const listed = join(own, "engines.yaml");
      const list = (all: readonly Address[]) => writeFile(listed, JSON.stringify(all.map(urlOf)));
      await list(engines);
      const pool = {
        name: "bench",
        kind: "vllm",
        models: [MODEL],
        discover: { file: { path: listed } },
        policy,
      };
      // As JSON, which is YAML.
      await writeFile(config, JSON.stringify({ http: { port }, pools: [pool] }));
      const about = `${name}: Plimsoll, Node ${process.version}, 1 worker, default settings, policy ${policy}`;
      const args = [main, "serve", "--config", config];
      const running = await startRouter({ file: process.execPath, args, port, about }, own);
      return {
        address: running.addresses[0],
        about,
        join: (engine) => list([...engines, engine]),
        stop: running.stop,
      };
    },
  };
}

function urlOf({ host, port }: Address): string {
  return `http://${host}:${port}`;
}
