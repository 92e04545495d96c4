import { setTimeout as sleep } from "node:timers/promises";
import type { Placement } from "../../src/model/placement.ts";
import type { Topology } from "../../src/model/topology.ts";
import { ModelRank } from "./model-rank.ts";

/** `GET /ep/v1/placement/:pool`. */
export interface PlacementAnswer {
  readonly epoch: number;
  readonly state: "published" | "pending";
  readonly topology: Topology;
  readonly layers?: readonly number[];
  /** With what is pending: the epoch in force. */
  readonly published?: number;
  readonly retire: number;
  readonly missing: readonly { readonly layer: number; readonly experts: readonly number[] }[];
  readonly physical_to_logical_map: readonly (readonly number[])[];
}

const WAIT_SECONDS = 2;
const AGAIN_MS = 50;
const WINDOW_MS = 200;

/** What an agent needs to know of its cluster. */
export interface AgentOptions {
  readonly pool: string;
  /** Those that may be asked now; the n-th time another than before. */
  readonly gateway: (turn: number) => string | null;
  /** `[layers][experts]`: what it counts in a window. */
  readonly load: () => number[][];
  /** Lets a rank take its time, or for ever, over an acknowledgement. */
  readonly mayAcknowledge: (rank: number, phase: "prepared" | "committed") => Promise<void>;
}

/** A rank of a pool that speaks HTTP to its gateways, as a sidecar does. */
export class RankAgent {
  readonly model: ModelRank;
  readonly #options: AgentOptions;
  readonly #stopping = new AbortController();
  readonly #loops: Promise<void>[];
  /** Whether it still reports what it counts. */
  reports = true;
  #tag = "";
  #turn: number;
  #window = 0;
  #acknowledged = "";

  constructor(rank: number, options: AgentOptions) {
    this.model = new ModelRank(rank);
    this.#options = options;
    this.#turn = rank;
    this.#loops = [this.#every(0, () => this.#poll()), this.#every(WINDOW_MS, () => this.#report())];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  async #every(pauseMs: number, action: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await action();
        await sleep(pauseMs, undefined, { signal });
      } catch {
        // A gateway that is gone, or the end: another may answer.
        if (!signal.aborted) await sleep(AGAIN_MS);
        this.#turn++;
      }
    }
  }

  async #poll(): Promise<void> {
    const { pool, gateway } = this.#options;
    const url = gateway(this.#turn);
    if (url === null || !this.model.alive) return sleep(AGAIN_MS);
    const path = `${url}/ep/v1/placement/${pool}?wait=${WAIT_SECONDS}`;
    const late = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(WAIT_SECONDS * 2000)]);
    const response = await fetch(path, { headers: { "if-none-match": this.#tag }, signal: late });
    if (response.status === 304) return;
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    this.#tag = response.headers.get("etag") ?? "";
    const { answer, placement } = readOnce(await response.text());
    // What it prepared for an epoch that came into force unseen must not make way for what is prepared next.
    if ((answer.published ?? 0) > this.model.epoch) await this.#catchUp(url);
    const { epoch, state, layers = [], retire } = answer;
    const pending = state === "pending" ? ({ epoch, phase: "prepare", layers, placement } as const) : null;
    const snapshot = state === "pending" ? null : { epoch, placement };
    const before = this.model.epoch;
    const word = this.model.receive({ snapshot, rollout: { retire, pending } });
    if (word !== null) this.#say(url, word.epoch, word.phase);
    else if (this.model.epoch !== before || retire < epoch) this.#say(url, this.model.epoch, "committed");
  }

  async #catchUp(url: string): Promise<void> {
    const response = await fetch(`${url}/ep/v1/placement/${this.#options.pool}?state=published`, {
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(WAIT_SECONDS * 1000)]),
    });
    if (!response.ok) throw new Error(`the placement in force was answered ${response.status}`);
    const { answer, placement } = readOnce(await response.text());
    const { epoch, retire } = answer;
    this.model.receive({ snapshot: { epoch, placement }, rollout: { retire, pending: null } });
  }

  /** Beside what it does next; what was said already is not said again. */
  #say(url: string, epoch: number, phase: "prepared" | "committed"): void {
    const { pool, mayAcknowledge } = this.#options;
    const { rank, incarnation } = this.model;
    const said = `${url} ${incarnation} ${epoch} ${phase}`;
    if (said === this.#acknowledged) return;
    this.#acknowledged = said;
    const say = async () => {
      await mayAcknowledge(rank, phase);
      const { status } = await this.#post("acks", { pool, epoch, rank, phase, incarnation });
      // Another gateway, or this one somewhat later, may take it.
      if (status >= 500 && this.#acknowledged === said) this.#again();
    };
    void say().catch(() => this.#again());
  }

  #again(): void {
    this.#acknowledged = "";
    this.#tag = "";
    this.#turn++;
  }

  async #report(): Promise<void> {
    if (!this.model.alive || !this.reports) return;
    const { pool, load } = this.#options;
    const body = {
      pool,
      rank: this.model.rank,
      incarnation: this.model.incarnation,
      window: ++this.#window,
      windowMs: WINDOW_MS,
      logical_count: load(),
    };
    await this.#post("load", body);
  }

  #post(route: string, body: unknown): Promise<Response> {
    const url = this.#options.gateway(this.#turn);
    if (url === null) throw new Error("no gateway");
    return fetch(`${url}/ep/v1/${route}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(2000)]),
    });
  }
}

interface Read {
  readonly answer: PlacementAnswer;
  readonly placement: Placement;
}

/** Ranks are in one process here, and are told the same: it is read once, as if each had a processor of its own. */
let lastRead: { readonly text: string; readonly read: Read } | null = null;

function readOnce(text: string): Read {
  if (lastRead?.text !== text) {
    const answer = JSON.parse(text) as PlacementAnswer;
    lastRead = { text, read: { answer, placement: placementOf(answer) } };
  }
  return lastRead.read;
}

export function placementOf({ topology, physical_to_logical_map: map }: PlacementAnswer): Placement {
  const flat = map.flat();
  const experts = 1 + Math.max(...flat);
  return { layers: map.length, experts, topology, physicalToLogical: Int32Array.from(flat) };
}
