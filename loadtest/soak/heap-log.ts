import type { Cluster } from "../../harness/cluster/cluster.ts";

const MIB = 2 ** 20;

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

  /** A line for each gateway: the heap of the process that runs now, at first and now, and the most of any, in MiB. */
  lines(): readonly string[] {
    return this.#cluster.gateways.map((_, gateway) => {
      const own = this.samples.filter((sample) => sample.gateway === gateway);
      const last = own.at(-1);
      if (last === undefined) return `gateway ${gateway}: its heap was not seen`;
      const first = own.find(({ pid }) => pid === last.pid) ?? last;
      const mib = (bytes: number) => (bytes / MIB).toFixed(1);
      const most = Math.max(...own.map(({ heapBytes }) => heapBytes));
      const minutes = ((last.atMs - first.atMs) / 60_000).toFixed(1);
      const version = this.#cluster.others.has(gateway) ? ", of the other version" : "";
      return `gateway ${gateway}${version}: heap ${mib(first.heapBytes)} → ${mib(last.heapBytes)} MiB within ${minutes} min of one process; ${mib(most)} at most`;
    });
  }
}
