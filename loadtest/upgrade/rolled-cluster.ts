import { Cluster, POOL } from "../../harness/cluster/cluster.ts";
import { type FaultResult, runFault } from "../../harness/cluster/fault-run.ts";
import { FAULTS } from "../../harness/cluster/faults.ts";
import { wellAgain } from "../../harness/cluster/well-again.ts";
import { roll } from "../../harness/cluster/roll.ts";
import { publishes } from "../../harness/cluster/reload-faults.ts";
import type { Rng } from "../../src/lib/rng.ts";

/** What is done between gateways of different versions: orders and states of ranks go through the store. */
const DONE_MIXED = FAULTS.filter(({ name }) =>
  ["a rank dies", "a rank is drained, and taken back"].includes(name),
);
const MOST_RESTARTS = 8;
/** Kinds that a later version sends are dropped by an earlier one; without those it knows, placements would not follow. */
export const ALLOWED_UNREADABLE = "message by the released version";
const UNREADABLE = /^plimsoll_unreadable_total\{.*kind="(\w+)"\} (\d+)$/gm;

/** What came of one step of a rolling update. */
export interface RolledStep {
  readonly step: string;
  /** By gateway. */
  readonly versions: readonly string[];
  /** Versions that led while the gateways ran these. */
  readonly led: readonly string[];
  readonly epoch: number;
  readonly lost: number;
  /** Values and messages that could not be read, e.g. "message by the released version". */
  readonly unreadable: readonly string[];
  readonly violations: readonly string[];
  readonly seconds: number;
}

/** A cluster whose gateways change their versions one after the other, under load. */
export class RolledCluster {
  readonly cluster: Cluster;
  readonly #released: string;
  readonly #rng: Rng;

  /** @param released a checkout, which all gateways run at first */
  static async start(gateways: number, seed: number, released: string, rng: Rng): Promise<RolledCluster> {
    const cluster = await Cluster.start(gateways, seed, { other: released, runsOther: () => true });
    await wellAgain(cluster);
    return new RolledCluster(cluster, released, rng);
  }

  private constructor(cluster: Cluster, released: string, rng: Rng) {
    this.cluster = cluster;
    this.#released = released;
    this.#rng = rng;
  }

  /** @param gateway the one that is rolled; @param to the version that it runs from then on */
  async step(gateway: number, to: "released" | "next"): Promise<RolledStep> {
    const { cluster } = this;
    const from = performance.now();
    const lost = cluster.traffic.lostInAll;
    const seen = () => [...cluster.referee.violations, ...cluster.leaders.violations];
    const before = seen().length;
    await roll(cluster, gateway, to === "released" ? this.#released : null);
    await wellAgain(cluster);
    const led = new Set<string>();
    for (const version of new Set(this.#versions())) {
      await this.#hasLead(version);
      led.add(version);
      await publishes(cluster);
      for (const fault of DONE_MIXED) this.#check(await runFault(cluster, fault, this.#rng));
    }
    return {
      step: `gateway ${gateway} to the ${to} version`,
      versions: this.#versions(),
      led: [...led],
      epoch: Math.max(...cluster.served().map(({ epoch }) => epoch)),
      lost: cluster.traffic.lostInAll - lost,
      unreadable: await this.#unreadable(),
      violations: [...seen().slice(before), ...this.#faults.splice(0)],
      seconds: (performance.now() - from) / 1000,
    };
  }

  /**
   * Leaves what a later major version would: each gateway drops and counts it, and goes on.
   * @returns how many gateways did
   */
  async refusesLater(): Promise<number> {
    const { cluster } = this;
    const before = await Promise.all(cluster.gateways.map((_, i) => this.#unreadableAt(i)));
    const later = JSON.stringify({ v: 2, later: true });
    await cluster.redis.client.xadd(`plimsoll:{${POOL}}:changes`, "*", "n", "report", "v", later);
    let refusing = 0;
    await cluster.until("a later version's value dropped by every gateway", async () => {
      const now = await Promise.all(cluster.gateways.map((_, i) => this.#unreadableAt(i)));
      refusing = now.filter((kinds, i) => kinds.length > before[i].length).length;
      return refusing === now.length;
    });
    await wellAgain(cluster);
    return refusing;
  }

  readonly #faults: string[] = [];

  #check({ fault, lostElsewhere, violations }: FaultResult): void {
    if (lostElsewhere > 0) this.#faults.push(`${fault}: ${lostElsewhere} requests lost`);
    this.#faults.push(...violations);
  }

  #versions(): string[] {
    return this.cluster.gateways.map((_, gateway) => this.#versionOf(gateway));
  }

  #versionOf(gateway: number): string {
    return this.cluster.others.has(gateway) ? "released" : "next";
  }

  /** Restarts leaders of the other version until one of this leads. */
  async #hasLead(version: string): Promise<void> {
    const { cluster } = this;
    for (let restarts = 0; restarts < MOST_RESTARTS; restarts++) {
      const leader = await cluster.leader();
      const own = this.#versionOf(leader);
      if (own === version) return;
      await roll(cluster, leader, own === "released" ? this.#released : null);
      await wellAgain(cluster);
    }
    this.#faults.push(`no gateway of the ${version} version came to lead within ${MOST_RESTARTS} restarts`);
  }

  async #unreadable(): Promise<string[]> {
    const kinds = await Promise.all(
      this.cluster.gateways.map(async (_, gateway) => {
        const by = this.#versionOf(gateway);
        return (await this.#unreadableAt(gateway)).map((kind) => `${kind} by the ${by} version`);
      }),
    );
    return kinds.flat();
  }

  /** The kinds of what the gateway could not read since its start, each as often as that was. */
  async #unreadableAt(gateway: number): Promise<string[]> {
    const response = await fetch(`${this.cluster.gateways[gateway].url}/metrics`);
    return [...(await response.text()).matchAll(UNREADABLE)].flatMap(([, kind, count]) =>
      Array<string>(Number(count)).fill(kind),
    );
  }
}
