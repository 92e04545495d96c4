import type { Topology } from "../../model/topology.ts";
import { type LayerTally, layerTally, resetTally } from "../../model/layer-tally.ts";
import type { TokenBatch } from "./token-batch.ts";

/**
 * Counts what a dispatch does to the network and the GPUs, from the slots chosen and nothing else. A token
 * counts once per destination rank and once per destination node (DeepEP's `get_dispatch_layout`); every
 * selection counts as load.
 */
export class TallyCounter {
  readonly tally: LayerTally;
  readonly #slotsPerGpu: number;
  readonly #gpusPerNode: number;
  readonly #gpuOf: Int32Array;
  readonly #nodeOf: Int32Array;
  readonly #rankVisit: Int32Array;
  readonly #nodeVisit: Int32Array;
  #serial = 0;

  constructor(topology: Topology) {
    this.tally = layerTally(topology);
    const { slotLoad, gpuLoad } = this.tally;
    this.#slotsPerGpu = topology.slotsPerGpu;
    this.#gpusPerNode = topology.gpusPerNode;
    this.#gpuOf = slotLoad.map((_, slot) => Math.floor(slot / this.#slotsPerGpu));
    this.#nodeOf = gpuLoad.map((_, gpu) => Math.floor(gpu / this.#gpusPerNode));
    this.#rankVisit = new Int32Array(gpuLoad.length);
    this.#nodeVisit = new Int32Array(topology.nodes);
  }

  /** @param slots `[tokens × topk]` as a ReplicaChooser wrote it; the result is in `tally` until the next call */
  count(batch: TokenBatch, slots: Int32Array): LayerTally {
    const { tokens, sources, topk } = batch;
    const { tally } = this;
    resetTally(tally);
    const { slotLoad, gpuLoad, selectionsFrom, nodeSends, nodeReceives, rankReceives } = tally;
    const gpuOf = this.#gpuOf;
    const nodeOf = this.#nodeOf;
    const rankVisit = this.#rankVisit;
    const nodeVisit = this.#nodeVisit;
    const gpusPerNode = this.#gpusPerNode;
    if (this.#serial > 0x7fff_ffff - tokens) {
      rankVisit.fill(0);
      nodeVisit.fill(0);
      this.#serial = 0;
    }
    let serial = this.#serial;
    let hops = 0;
    let nodeHops = 0;
    let selections = 0;
    for (let token = 0, o = 0; token < tokens; token++) {
      const source = sources[token];
      const peer = source % gpusPerNode;
      serial++;
      rankVisit[source] = serial;
      nodeVisit[nodeOf[source]] = serial;
      let sent = 0;
      for (let k = 0; k < topk; k++, o++) {
        const slot = slots[o];
        if (slot < 0) continue;
        const gpu = gpuOf[slot];
        sent++;
        slotLoad[slot]++;
        if (rankVisit[gpu] === serial) continue;
        rankVisit[gpu] = serial;
        rankReceives[gpu]++;
        hops++;
        const node = nodeOf[gpu];
        if (nodeVisit[node] === serial) continue;
        nodeVisit[node] = serial;
        nodeSends[source]++;
        nodeReceives[node * gpusPerNode + peer]++;
        nodeHops++;
      }
      selectionsFrom[source] += sent;
      selections += sent;
    }
    this.#serial = serial;
    for (let slot = 0; slot < slotLoad.length; slot++) gpuLoad[gpuOf[slot]] += slotLoad[slot];
    tally.hops = hops;
    tally.nodeHops = nodeHops;
    tally.selections = selections;
    return tally;
  }
}
