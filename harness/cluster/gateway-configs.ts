import { stringify } from "yaml";
import { type MoeModel, expertBytes } from "../../src/model/moe-model.ts";
import type { Topology } from "../../src/model/topology.ts";

export const LEASE_MS = 600;
export const PREPARE_TIMEOUT_MS = 1000;
export const MOST_SERVERS = 3;

/** What the ranks of a cluster serve. */
export interface Shape {
  readonly model: MoeModel;
  readonly topology: Topology;
}

/** What a reload of a gateway changes. */
export interface GatewaySettings {
  /** Of its control loop. */
  readonly sharesMs: number;
  /** How many servers it sends requests to, 1 to MOST_SERVERS. */
  readonly servers: number;
  /** The file of the model; null for the cluster's own. */
  readonly model: string | null;
}

export const FIRST_SETTINGS: GatewaySettings = { sharesMs: 150, servers: 2, model: null };

/** The text of a gateway's configuration, by the port of its way to the store. */
export type Configs = (settings: GatewaySettings) => (storePort: number) => string;

interface Given {
  readonly pool: string;
  readonly shape: Shape;
  /** Files of the shape. */
  readonly model: string;
  readonly topology: string;
  /** Of the servers. */
  readonly urls: readonly string[];
}

/** The configurations of a cluster's gateways. */
export function gatewayConfigs({ pool, shape, model, topology, urls }: Given): Configs {
  return ({ sharesMs, servers, model: served }) =>
    (port) =>
      stringify({
        http: { port: 0, logLevel: "silent", graceMs: 500 },
        health: { probe: { intervalMs: 500 } },
        control: {
          sharesMs,
          placementMs: 700,
          prepareTimeoutMs: PREPARE_TIMEOUT_MS,
          rankSilenceMs: 900,
          // Two layers of all of a GPU's slots.
          stagingBytes: 2 * shape.topology.slotsPerGpu * expertBytes(shape.model),
        },
        store: { url: `redis://127.0.0.1:${port}`, leaseMs: LEASE_MS },
        pools: [
          {
            name: pool,
            kind: "openai",
            models: [shape.model.name],
            urls: urls.slice(0, servers),
            experts: { model: served ?? model, topology },
          },
        ],
      });
}
