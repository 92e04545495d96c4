import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";
import type { DispatchLayout } from "./dispatch-layout.ts";

/** Builds layouts, each in the place of the last; buffers grow when a larger batch comes. */
export class LayoutBuilder implements DispatchLayout {
  tokens = 0;
  selections = 0;
  readonly tokensPerRank: Int32Array;
  readonly tokensPerNode: Int32Array;
  readonly selectionsPerSlot: Int32Array;
  readonly maskWords: number;
  tokenInRank = new Int32Array(0);
  sendTokens = new Int32Array(0);
  sendSlots = new Int32Array(0);
  readonly nodeOffsets: Int32Array;
  readonly rankOffsets: Int32Array;
  readonly slotOffsets: Int32Array;
  readonly #gpuOf: Int32Array;
  readonly #nodeOf: Int32Array;
  /** Serial number within the batch of the token that last visited the node. */
  readonly #nodeVisit: Int32Array;
  /** Where the next token of each slot goes. */
  readonly #next: Int32Array;

  constructor(topology: Topology) {
    const { nodes, gpusPerNode, slotsPerGpu } = topology;
    const gpus = gpuCount(topology);
    const slots = slotCount(topology);
    this.tokensPerRank = new Int32Array(gpus);
    this.tokensPerNode = new Int32Array(nodes);
    this.selectionsPerSlot = new Int32Array(slots);
    this.maskWords = Math.ceil(gpus / 32);
    this.nodeOffsets = new Int32Array(nodes + 1);
    this.rankOffsets = new Int32Array(gpus + 1);
    this.slotOffsets = new Int32Array(slots + 1);
    this.#gpuOf = Int32Array.from({ length: slots }, (_, slot) => Math.floor(slot / slotsPerGpu));
    this.#nodeOf = Int32Array.from({ length: gpus }, (_, gpu) => Math.floor(gpu / gpusPerNode));
    this.#nodeVisit = new Int32Array(nodes);
    this.#next = new Int32Array(slots);
  }

  /**
   * @param slots `[tokens × topk]` as a ReplicaChooser wrote it
   * @returns this, until the next call
   */
  build(tokens: number, topk: number, slots: Int32Array): DispatchLayout {
    this.tokens = tokens;
    this.#grow(tokens, topk);
    this.#count(topk, slots);
    this.#sumUp();
    this.#list(topk, slots);
    return this;
  }

  #grow(tokens: number, topk: number): void {
    if (this.tokenInRank.length < tokens * this.maskWords) {
      this.tokenInRank = new Int32Array(tokens * this.maskWords);
    }
    if (this.sendTokens.length < tokens * topk) {
      this.sendTokens = new Int32Array(tokens * topk);
      this.sendSlots = new Int32Array(tokens * topk);
    }
  }

  #count(topk: number, slots: Int32Array): void {
    const { tokens, tokensPerRank, tokensPerNode, selectionsPerSlot, maskWords, tokenInRank } = this;
    const gpuOf = this.#gpuOf;
    const nodeOf = this.#nodeOf;
    const nodeVisit = this.#nodeVisit;
    tokensPerRank.fill(0);
    tokensPerNode.fill(0);
    selectionsPerSlot.fill(0);
    tokenInRank.fill(0, 0, tokens * maskWords);
    nodeVisit.fill(-1);
    for (let token = 0, o = 0; token < tokens; token++) {
      const mask = token * maskWords;
      for (let k = 0; k < topk; k++, o++) {
        const slot = slots[o];
        if (slot < 0) continue;
        selectionsPerSlot[slot]++;
        const gpu = gpuOf[slot];
        const word = mask + (gpu >>> 5);
        const bit = 1 << (gpu & 31);
        if ((tokenInRank[word] & bit) !== 0) continue;
        tokenInRank[word] |= bit;
        tokensPerRank[gpu]++;
        const node = nodeOf[gpu];
        if (nodeVisit[node] === token) continue;
        nodeVisit[node] = token;
        tokensPerNode[node]++;
      }
    }
  }

  /** Slots are numbered GPU-major and GPUs node-major: the order of slots is that of ranks and of nodes. */
  #sumUp(): void {
    const { selectionsPerSlot, slotOffsets, rankOffsets, nodeOffsets } = this;
    const slotsPerGpu = selectionsPerSlot.length / (rankOffsets.length - 1);
    const slotsPerNode = selectionsPerSlot.length / (nodeOffsets.length - 1);
    for (let slot = 0; slot < selectionsPerSlot.length; slot++) {
      slotOffsets[slot + 1] = slotOffsets[slot] + selectionsPerSlot[slot];
    }
    for (let gpu = 0; gpu < rankOffsets.length; gpu++) rankOffsets[gpu] = slotOffsets[gpu * slotsPerGpu];
    for (let node = 0; node < nodeOffsets.length; node++)
      nodeOffsets[node] = slotOffsets[node * slotsPerNode];
    this.selections = slotOffsets[selectionsPerSlot.length];
  }

  /** A counting sort by slot; tokens come in ascending order and stay so. */
  #list(topk: number, slots: Int32Array): void {
    const { tokens, sendTokens, sendSlots, slotOffsets } = this;
    const next = this.#next;
    for (let slot = 0; slot < next.length; slot++) next[slot] = slotOffsets[slot];
    for (let token = 0, o = 0; token < tokens; token++) {
      for (let k = 0; k < topk; k++, o++) {
        const slot = slots[o];
        if (slot < 0) continue;
        const at = next[slot]++;
        sendTokens[at] = token;
        sendSlots[at] = slot;
      }
    }
  }
}
