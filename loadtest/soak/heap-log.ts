import { heapSlope } from "../heap-slope.ts";
import type { Cluster } from "../../harness/cluster/cluster.ts";

const MIB = 2 ** 20;
const HOUR_MS = 3_600_000;

/** Heap in use after a collection, in one process of a gateway. */
export interface HeapSample {
  readonly gateway: number;
  /** Since the soak began. */
  readonly atMs: number;
  readonly heapBytes: number;
  /** Another after each start of the gateway. */
  readonly pid: number;
}

/** The heaps of a cluster's gateways over time. */
export class HeapLog {
  readonly samples: HeapSample[] = [];
  readonly #cluster: Cluster;
  readonly #fromMs = performance.now();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async sample(): Promise<void> {
    for (const [gateway, process] of this.#cluster.gateways.entries()) {
      if (!process.running) continue;
      const heapBytes = await process.heapBytes();
      const atMs = performance.now() - this.#fromMs;
      this.samples.push({ gateway, atMs, heapBytes, pid: process.pid });
    }
  }

  /**
   * By gateway: how fast the heap of the process that runs now grows, once it is warm, and for how long that was watched.
   */
  slopes(): readonly { readonly mibPerHour: number; readonly minutes: number }[] {
    return this.#cluster.gateways.map((_, gateway) => {
      const own = this.samples.filter((sample) => sample.gateway === gateway);
      const alive = own.filter(({ pid }) => pid === own.at(-1)?.pid);
      const warm = alive.slice(Math.floor(alive.length / 4));
      const points = warm.map(({ atMs, heapBytes }) => ({ at: atMs / HOUR_MS, bytes: heapBytes }));
      const minutes = ((warm.at(-1)?.atMs ?? 0) - (warm[0]?.atMs ?? 0)) / 60_000;
      return { mibPerHour: heapSlope(points) / MIB, minutes };
    });
  }

  /** A line for each gateway: the heap of the process that runs now, at first and now, and the most of any, in MiB. */
  lines(): readonly string[] {
    const slopes = this.slopes();
    return this.#cluster.gateways.map((_, gateway) => {
      const own = this.samples.filter((sample) => sample.gateway === gateway);
      const last = own.at(-1);
      if (last === undefined) return `gateway ${gateway}: its heap was not seen`;
      const first = own.find(({ pid }) => pid === last.pid) ?? last;
      const mib = (bytes: number) => (bytes / MIB).toFixed(1);
      const most = Math.max(...own.map(({ heapBytes }) => heapBytes));
      const minutes = ((last.atMs - first.atMs) / 60_000).toFixed(1);
      const version = this.#cluster.others.has(gateway) ? ", of the other version" : "";
      const slope = `${slopes[gateway].mibPerHour.toFixed(1)} MiB an hour over the last ${slopes[gateway].minutes.toFixed(1)} min`;
      return `gateway ${gateway}${version}: heap ${mib(first.heapBytes)} → ${mib(last.heapBytes)} MiB within ${minutes} min of one process, ${slope}; ${mib(most)} at most`;
    });
  }
}
