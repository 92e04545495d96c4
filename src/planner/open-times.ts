import type { Parallelism } from "../twin/calibration/serving-point.ts";
import type { Constants } from "../twin/calibration/constants.ts";
import { constantsOf } from "../twin/calibration/factors.ts";
import { familyOf } from "../twin/calibration/serving-point.ts";
import { WorkerTime } from "../twin/calibration/worker-time.ts";
import type { Gpu } from "../model/gpu.ts";
import { roomOf } from "./candidates.ts";
import { EVEN_SPREAD } from "./demand.ts";
import type { Layout } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { BEYOND } from "./service-target.ts";

/** Milliseconds; the first token as a client sees it. */
export interface OpenTimes {
  readonly ttftP95Ms: number;
  readonly itlP95Ms: number;
  readonly tpotMs: number;
  /** Sequences that a rank runs, on average. */
  readonly batch: number;
}

/** Arrivals cluster: interrupted steps count from a little before one in twenty. */
const NEARLY = 0.8;
/** The 95th percentile of a normal variate. */
const P95 = 1.645;
/** Of the time of its steps, what prompts may take: beyond, answers hardly go on. */
const MOST_BUSY = 0.97;
const ROUNDS = 16;

type Asked = Pick<PlanProblem, "model" | "sizes" | "precision" | "demand" | "engine">;

/**
 * A unit under open arrivals, by arithmetic alone. Means are those of the calibrated serving points. Percentiles follow so:
 * - as many sequences run as arrivals have it (Poisson): a token in twenty is beside mean + 1.645 √mean of them;
 * - a token waits for prompts where more than one step in twenty has some (arrivals are independent: Poisson), and then
 *   the 95th percentile is a step with a chunk in it;
 * - a first token takes the step that runs, the steps of a prompt that only one in twenty exceeds, and the wait behind
 *   others' prompts, whose tail is exponential (one queue with work `m` a request, busy `u`: W95 = m / (1 - u) × ln(u / 0.05)),
 *   and the longer the more prompts' lengths differ: in proportion to 1 + variance / mean², as in M/G/1.
 */
export class OpenUnit {
  readonly #prompts: WorkerTime;
  readonly #answers: WorkerTime;
  readonly #layout: Layout;
  readonly #asked: Asked;
  readonly #c: Constants;
  /** Sequences that a decoding rank has room for. */
  readonly #room: number;

  /** @param gpu the type's own, or another one to see what it would change */
  constructor(layout: Layout, asked: Asked, gpu: Gpu = layout.type.gpu) {
    const { model, sizes, precision, demand } = asked;
    const { decode, prefill, type } = layout;
    this.#layout = layout;
    this.#asked = asked;
    const c = openConstants(layout, asked);
    this.#c = c;
    this.#answers = new WorkerTime(sizes, gpu, precision, decode, c);
    this.#prompts = new WorkerTime(sizes, gpu, precision, prefill ?? decode, c);
    const room = roomOf(layout, decode, model);
    const more = (gpu.memoryBytes - type.gpu.memoryBytes) * type.hardware.memoryPart;
    const capacity = room.capacityTokens * (1 + more / Math.max(1, room.capacityBytes));
    this.#room = capacity / room.tokensOf(demand.prompt + demand.answer / 2);
  }

  /** @param load of the unit: requests per second, or users, as the demand has them; @returns null where it cannot keep up */
  at(load: number): OpenTimes | null {
    const { arrivals, answer } = this.#asked.demand;
    if (arrivals.kind !== "users") return this.#at(load);
    // As many requests a second that all users are somewhere: at most as if answers came at once.
    const users = (rate: number, { ttftP95Ms, tpotMs }: OpenTimes) =>
      (rate * (arrivals.thinkMs + ttftP95Ms + answer * tpotMs)) / 1000;
    const alone = this.#at(1e-3);
    if (alone === null) return null;
    let [low, high] = [1e-3, load / users(1, alone)];
    let found = alone;
    for (let i = 0; i < 12; i++) {
      const middle = (low + high) / 2;
      const times = this.#at(middle);
      if (times !== null && users(middle, times) <= load) [low, found] = [middle, times];
      else high = middle;
    }
    return users(low, found) < 0.9 * load ? null : found;
  }

  #at(rate: number): OpenTimes | null {
    return this.#layout.prefill === null ? this.#together(rate) : this.#apart(rate);
  }

  #together(rate: number): OpenTimes | null {
    const { demand } = this.#asked;
    const { dp } = this.#layout.decode;
    const { alone, loaded } = this.#prompt(this.#layout.decode);
    const most = this.#room;
    let work = alone;
    let [tpot, batch, busy, step] = [0, 0, 0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      busy = rate * work;
      if (busy >= MOST_BUSY) {
        if (work <= loaded) return null;
        work = loaded;
        continue;
      }
      step = this.#step(batch);
      tpot = step / (1 - busy);
      const next = (rate / dp) * demand.answer * tpot;
      if (next > most) return null;
      batch = round === 0 ? next : (batch + next) / 2;
      work = loaded + (alone - loaded) * (1 - busy);
    }
    const chunks = this.#chunks(demand.prompt);
    const perStep = rate * chunks * tpot;
    const chunk = (alone / chunks) * this.#c.interference;
    const interrupted = 1 - Math.exp(-perStep) > NEARLY * BEYOND;
    const full = this.#step(crowded(batch));
    const long = full + (interrupted ? chunk * Math.max(1, Math.min(dp, perStep)) ** 0.5 : 0);
    const own = this.#long() + this.#chunks(demand.promptP95) * step;
    return this.#times(long + own + this.#tail(work, busy), long, tpot, batch);
  }

  #apart(rate: number): OpenTimes | null {
    const { prefill, decode } = this.#layout;
    const { demand } = this.#asked;
    if (prefill === null) throw new Error("no pool for prompts");
    const { alone, loaded } = this.#prompt(prefill);
    const busy = rate * loaded;
    if (busy >= MOST_BUSY) return null;
    let [batch, step] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      step = this.#step(batch);
      const next = (rate / decode.dp) * demand.answer * step;
      if (next > this.#room) return null;
      batch = round === 0 ? next : (batch + next) / 2;
    }
    return this.#times(
      this.#long() + busy * alone + this.#tail(loaded, busy),
      this.#step(crowded(batch)),
      step,
      batch,
    );
  }

  #times(ttft: number, itl: number, tpot: number, batch: number): OpenTimes {
    return {
      ttftP95Ms: 1000 * (this.#c.first + ttft),
      itlP95Ms: 1000 * itl,
      tpotMs: 1000 * tpot,
      batch,
    };
  }

  #chunks(prompt: number): number {
    return Math.max(1, Math.ceil(prompt / this.#layout.stepTokens));
  }

  /** Seconds of the unit that a prompt takes: by itself, and where prompts fill the steps of every rank. */
  #prompt({ dp }: Parallelism): { readonly alone: number; readonly loaded: number } {
    const { prompt } = this.#asked.demand;
    const chunks = this.#chunks(prompt);
    const alone = this.#prompts.prefill(prompt, prompt, 1, chunks);
    const perStep = Math.max(1, Math.floor(this.#layout.stepTokens / prompt));
    const loaded = this.#prompts.prefill(perStep * prompt, prompt, dp, chunks) / (perStep * dp);
    return { alone, loaded: Math.min(alone, loaded) };
  }

  /** Seconds of a prompt that only one in twenty exceeds, by itself. */
  #long(): number {
    const { promptP95 } = this.#asked.demand;
    return this.#prompts.prefill(promptP95, promptP95, 1, this.#chunks(promptP95));
  }

  /** What one wait in twenty exceeds: the longer, the more lengths differ. @param work seconds of the unit for each */
  #tail(work: number, busy: number): number {
    if (busy <= BEYOND) return 0;
    const spread = (1 + this.#asked.demand.promptSpread) / (1 + EVEN_SPREAD);
    return ((spread * work) / (1 - busy)) * Math.log(busy / BEYOND);
  }

  #step(batch: number): number {
    const { prompt, answer } = this.#asked.demand;
    return this.#answers.decode(Math.max(batch, 1 / this.#layout.decode.dp), prompt + answer / 2);
  }
}

/** Constants as the twin has them, and what passes outside it. */
export function openConstants(
  { type, prefill, decode }: Layout,
  { model, precision, engine }: Pick<Asked, "model" | "precision" | "engine">,
): Constants {
  return constantsOf(type.table, {
    model,
    family: familyOf(model),
    gpu: type.gpu,
    backend: engine ?? "",
    version: "",
    precision,
    isl: 1,
    osl: 1,
    lengthRatio: 1,
    concurrency: 1,
    gpus: 1,
    prefill: prefill === null ? null : { ...prefill, count: 1 },
    decode: { ...decode, count: 1 },
  });
}

/** Sequences that a token in twenty has more of beside it: arrivals are independent, so what runs is Poisson's, too. */
function crowded(batch: number): number {
  return batch + P95 * Math.sqrt(batch);
}
