import { inSteps } from "../../src/control/history/falling-rows.ts";
import { type GpuRow, LOST, gpuRowsTogether } from "../../src/control/history/gpu-row.ts";
import { type PoolRow, quietFigures } from "../../src/control/history/pool-row.ts";
import { aroundOf, figuresIn, gpusJson, rowOf } from "../../src/http/gpu-history-answer.ts";
import { historyJson } from "../../src/http/history-answer.ts";
import { questionOf } from "../../src/http/history-question.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { MadeUpPool } from "./made-up-pool.ts";

const HOUR_S = 3600;
const STEP_S = 10;
const EVEN = 14_500_000_000;
/** Minutes before now: one GPU gets a hot expert, and another is lost for a while. */
const HOT = { from: 34, to: 22 };
const GONE = { from: 12, to: 7 };

/** The last hour of a pool with an incident in it, as the routes of history answer. */
export class MadeUpPast {
  readonly #pool: MadeUpPool;
  readonly #gpus: number;
  readonly #rows: readonly GpuRow[];
  readonly #nowMs: number;

  /** @param nowMs milliseconds since 1970 */
  constructor(pool: MadeUpPool, nowMs: number) {
    this.#pool = pool;
    this.#gpus = pool.nodes * pool.gpusPerNode;
    this.#nowMs = nowMs;
    const rng = new Rng(3);
    const end = Math.floor(nowMs / 1000 / STEP_S) * STEP_S;
    this.#rows = Array.from({ length: HOUR_S / STEP_S }, (_, i) =>
      this.#rowAt(end - HOUR_S + i * STEP_S, rng),
    );
  }

  /** The GPU that had a hot expert, and the one that was lost; and when, milliseconds since 1970. */
  get hot() {
    return { gpu: Math.floor(this.#gpus / 3), at: this.#nowMs - 60_000 * (HOT.from - 2) };
  }
  get lost() {
    return { gpu: this.#gpus - 5, at: this.#nowMs - 60_000 * (GONE.from - 2) };
  }

  /** @param query of the request */
  answer(path: string, query: URLSearchParams): object {
    const asked = Object.fromEntries(query);
    const { pool, layers } = this.#pool;
    if (!path.endsWith("/gpus")) {
      const rows = this.#rows.map((row) => this.#poolRow(row));
      return historyJson(pool, { pool: rows, traffic: [] }, questionOf(asked, this.#nowMs));
    }
    const at = query.has("at") ? Number(query.get("at")) : null;
    const question = at === null ? questionOf(asked, this.#nowMs) : aroundOf(at, STEP_S);
    const within = this.#rows.filter(({ atS }) => atS * 1000 >= question.from && atS * 1000 < question.to);
    const rows = inSteps(within, Math.max(STEP_S, question.step), gpuRowsTogether);
    const numbers = Array.from({ length: layers }, (_, i) => i + 3);
    const found = at === null ? rows : rowOf(rows, at);
    const figures = figuresIn(asked["figures"]);
    return gpusJson({ pool, question, gpus: this.#gpus, layers: numbers, figures, rows: found });
  }

  #rowAt(atS: number, rng: Rng): GpuRow {
    const gpus = this.#gpus;
    const ago = (this.#nowMs / 1000 - atS) / 60;
    const hot = ago < HOT.from && ago > HOT.to ? this.hot.gpu : -1;
    const lost = ago < GONE.from && ago > GONE.to ? this.lost.gpu : -1;
    const per = (of: (gpu: number) => number) =>
      Array.from({ length: gpus }, (_, gpu) => (gpu === lost ? 0 : Math.round(of(gpu))));
    const noise = () => Math.exp(0.05 * rng.normal());
    const held = per(
      (gpu) =>
        (gpu === hot ? 0.3 : rng.uniform() < 0.15 ? (0.3 * rng.uniform()) / Math.sqrt(gpus) : 0) * EVEN,
    );
    const most = [...held.keys()].toSorted((a, b) => held[b] - held[a]).slice(0, 4);
    return {
      atS,
      seconds: STEP_S,
      spanMs: 1000 * STEP_S,
      even: EVEN,
      rankWindows: STEP_S,
      held,
      load: per((gpu) => (gpu === hot ? 1.4 : 1) * noise() * EVEN),
      kvUse: per((gpu) => (gpu === hot ? 93 : 55 * noise())),
      waiting: per((gpu) => (gpu === hot ? 31 : 2 * rng.uniform())),
      running: per(() => 16 * noise()),
      state: Array.from({ length: gpus }, (_, gpu) => (gpu === lost ? LOST : 0)),
      fullest: most.map((gpu) => ({
        gpu,
        held: Math.round((10_000 * held[gpu]) / EVEN),
        experts: Array.from({ length: 6 }, (_, i) => ({
          layer: (gpu * 7 + 3 * i) % this.#pool.layers,
          expert: (gpu * 11 + i) % this.#pool.experts,
          load: Math.round((gpu === hot ? 190 : 130) / (1 + i / 2)),
          share: i === 0 ? 100 : 50,
        })),
      })),
    };
  }

  #poolRow({ atS, seconds, held, state }: GpuRow): PoolRow {
    const factor = 1 + held.reduce((sum, one) => sum + one, 0) / EVEN;
    const lostRanks = state.filter((one) => one === LOST).length;
    return {
      ...quietFigures({ epoch: 7, lostRanks, missingExperts: 0 }),
      atS,
      seconds,
      spanMs: 1000 * seconds,
      tokens: Math.round((100_000_00 * seconds) / factor),
      sumMean: 1e9,
      sumMax: Math.round(1e9 * factor),
      pairs: 1e6,
      hops: 7e6,
      nodeHops: 3e6,
      steps: 20 * seconds,
      stepTime: Math.round(45_000 * factor) * 20 * seconds,
      queueWindows: seconds,
      running: 16 * this.#gpus * seconds,
      waiting: 40,
      kvUse: 560,
      peak: Math.round(1000 * (1 + factor)),
    };
  }
}
