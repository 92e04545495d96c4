import type { Hardware } from "../../core/cost/hardware.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { ForwardPass } from "../fidelity/forward-pass.ts";
import { ForwardPasses, type PassesOptions } from "../fidelity/forward-passes.ts";
import type { PoolMeter } from "../pool-meter.ts";
import type { StepBatch } from "../step-batch.ts";
import { whileTransferring } from "./shared-network.ts";

/** The forward pass by a pool's replica map, on its network as it is, and while expert weights travel over that. */
export class PassSet {
  transferring = false;
  readonly #passes: ForwardPasses;
  readonly #shared: Hardware;
  #map: ReplicaMap;
  #pass: ForwardPass;
  #sharedPass: ForwardPass | null = null;

  constructor(options: PassesOptions, map: ReplicaMap) {
    this.#passes = new ForwardPasses(options);
    this.#shared = whileTransferring(options.hardware, map.placement.topology);
    this.#map = map;
    this.#pass = this.#passes.by(map);
  }

  get map(): ReplicaMap {
    return this.#map;
  }

  adopt(map: ReplicaMap): void {
    this.#map = map;
    this.#pass = this.#passes.by(map);
    this.#sharedPass = null;
  }

  /** @returns milliseconds */
  run(batch: StepBatch, meter: PoolMeter): number {
    if (!this.transferring) return this.#pass.run(batch, meter);
    this.#sharedPass ??= this.#passes.by(this.#map, this.#shared);
    return this.#sharedPass.run(batch, meter);
  }
}
