import { NO_TOKENS } from "./coactivation.ts";
import { ExpertHomes } from "./expert-homes.ts";
import type { Zones } from "./zones.ts";

/**
 * Chooses which nodes hold replicas of each expert of one layer where only the gate's groups are known: every group is at
 * home on few nodes. A replica stays at home, unless it carries load from a node that has too much to one that has
 * less. Keeps its buffers from layer to layer.
 */
export class GroupCopies {
  readonly #experts: number;
  readonly #zones: Zones;
  readonly #homes: ExpertHomes;
  /** `[nodes][experts]` */
  readonly #copies: Int32Array;
  /** `[experts]`: copies in all. */
  readonly #total: Int32Array;
  /** `[nodes]` */
  readonly #spare: Int32Array;

  constructor(experts: number, zones: Zones, groups: number) {
    this.#experts = experts;
    this.#zones = zones;
    this.#homes = new ExpertHomes(experts, zones, groups, NO_TOKENS);
    this.#copies = new Int32Array(zones.count * experts);
    this.#total = new Int32Array(experts);
    this.#spare = new Int32Array(zones.count);
  }

  /**
   * @param load `[experts]`
   * @returns `[nodes][experts]` copies; overwritten by the next call
   */
  choose(_layer: number, load: Float64Array): Int32Array {
    const { home } = this.#homes;
    this.#homes.choose(NO_TOKENS.experts, load);
    this.#copies.fill(0);
    this.#total.fill(1);
    this.#spare.set(this.#zones.slots);
    for (let e = 0; e < this.#experts; e++) {
      this.#copies[home[e] * this.#experts + e] = 1;
      this.#spare[home[e]]--;
    }
    while (this.#spare.some((left) => left > 0) && this.#giveCopy(load));
    return this.#copies;
  }

  /** One more copy, where it relieves most; false when no node has a use for any. */
  #giveCopy(load: Float64Array): boolean {
    const { nodeLoad } = this.#homes;
    const { speeds, gpus } = this.#zones;
    const perSpeed = nodeLoad.reduce((a, b) => a + b, 0) / speeds.reduce((a, b) => a + b, 0);
    const under = speeds.map((speed, node) => speed * perSpeed - nodeLoad[node]);
    const emptiest = [...under.keys()]
      .filter((node) => this.#spare[node] > 0)
      .toSorted((a, b) => under[b] - under[a]);
    const best = { worth: -1, expert: -1, node: -1, carried: 0 };
    for (let e = 0; e < this.#experts; e++) {
      const home = this.#homes.home[e];
      const relief = load[e] / (this.#total[e] * (this.#total[e] + 1));
      if (relief > best.worth && this.#takes(home, e))
        Object.assign(best, { worth: relief, expert: e, node: home, carried: 0 });
      const node = emptiest.find((other) => other !== home && this.#takes(other, e));
      if (node === undefined) continue;
      // One GPU of the node takes it over.
      const most = Math.min(load[e], -under[home], under[node], (speeds[node] * perSpeed) / gpus[node]);
      const carried = this.#copies[node * this.#experts + e] > 0 ? 0 : Math.max(0, most);
      if (relief + carried > best.worth)
        Object.assign(best, { worth: relief + carried, expert: e, node, carried });
    }
    if (best.expert < 0) return false;
    nodeLoad[this.#homes.home[best.expert]] -= best.carried;
    nodeLoad[best.node] += best.carried;
    this.#copies[best.node * this.#experts + best.expert]++;
    this.#total[best.expert]++;
    this.#spare[best.node]--;
    return true;
  }

  #takes(node: number, expert: number): boolean {
    return this.#spare[node] > 0 && this.#copies[node * this.#experts + expert] < this.#zones.gpus[node];
  }
}
