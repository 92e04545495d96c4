import { Rng } from "../../../../src/lib/rng.ts";
import type { LocalitySettings } from "../../../../src/model/model-settings.ts";
import type { MoeModel } from "../../../../src/model/moe-model.ts";
import type { RoutingTrace } from "../../../../src/model/routing-trace.ts";
import { hashText } from "../../../../src/routing/block-hashes.ts";
import { createPolicy } from "../../../../src/routing/policies.ts";
import { Router } from "../../../../src/routing/router.ts";
import { ShardStates } from "../../../../src/routing/shard-states.ts";
import { Admission } from "../../../../src/serving/admission/admission.ts";
import { UNLIMITED } from "../../../../src/serving/admission/unlimited.ts";
import type { EngineRequest } from "../../../../src/serving/engine.ts";
import type { Client } from "../../../../src/serving/flight/client.ts";
import type { FlightDeck } from "../../../../src/serving/flight/flight-deck.ts";
import { RetryBudget } from "../../../../src/serving/flight/retry-budget.ts";
import { Gateway } from "../../../../src/serving/gateway.ts";
import { PoolHealth } from "../../../../src/serving/health/pool-health.ts";
import type { HealthSettings } from "../../../../src/serving/health/settings.ts";
import type { ModelLocality } from "../../../../src/serving/locality/model-locality.ts";
import { ModelRefresh } from "../../../../src/serving/models/model-refresh.ts";
import type { RequestFacts } from "../../../../src/serving/request/request-facts.ts";
import { ServingPool } from "../../../../src/serving/serving-pool.ts";
import { TrafficMeter } from "../../../../src/serving/traffic/traffic-meter.ts";
import { UNHEARD } from "../../../../src/serving/traffic/unheard.ts";
import { answerRows, promptRows } from "../../../../src/twin/instances/request-tokens.ts";
import { StepCounter, type StepFigures } from "../../../../src/twin/instances/step-counter.ts";
import type { Topology } from "../../../../src/model/topology.ts";
import { type RequestStream, shuffle } from "../streams.ts";
import { type Answer, DecodingEngine } from "./decoding-engine.ts";
import { type LiveProcesses, ProcessesTogether } from "./live-processes.ts";

/** What is known of requests when they come: their tenant, which is their domain, or the turns before. */
export const KNOWN_BY = ["tenant", "turns"] as const;
export type KnownBy = (typeof KNOWN_BY)[number];

export interface LiveOptions {
  readonly stream: RequestStream;
  readonly model: MoeModel;
  readonly health: HealthSettings;
  readonly topology: Topology;
  readonly instances: number;
  /** Requests in flight on an instance, in the mean. */
  readonly batch: number;
  readonly knownBy: KnownBy;
  /** Of the answers that name their experts. */
  readonly part: number;
  readonly locality: LocalitySettings | null;
  /** Among which requests are dealt out in turn. */
  readonly processes: LiveProcesses;
  /** Requests before the first that is judged, and those. */
  readonly warmUp: number;
  readonly judged: number;
  readonly seed: number;
}

export interface LiveFigures extends StepFigures {
  /** The fullest instance's requests in flight in the mean's, mean over steps. */
  readonly fullest: number;
  readonly locality: ModelLocality | null;
}

const MODEL = "m";
/** Of a conversation. */
const TURNS = 5;
const NO_BLOCKS: readonly string[] = [];
const STEP_MS = 40;

/**
 * The gateway's own way of a request, with engines that decode recorded requests in virtual time: as many are in flight
 * at any time; where one ends, the next comes, drawn anew round after round. Their first halves are prompts, their second
 * halves are decoded; or each is a conversation of five turns of the same length, decoded one after the other.
 */
export function liveRun(options: LiveOptions): LiveFigures {
  const { stream, instances, batch, locality: settings, warmUp, judged, seed, topology } = options;
  const run = new LiveRun(options);
  const names = Array.from({ length: instances }, (_, i) => `p${i}`);
  const engines = names.map((name) => new DecodingEngine(name, (request) => run.answerTo(request)));
  const turns: (() => void)[] = [];
  const model = {
    name: MODEL,
    aliases: [],
    pools: names.map((pool) => ({ pool, model: MODEL, weight: null, header: {} })),
    fallback: [],
    defaults: {},
    limits: { maxTokens: 0, maxInputTokens: 0 },
    shadow: null,
    locality: settings,
  };
  const { clock } = run;
  const together = new ProcessesTogether(
    options.processes,
    { clock, wallClock: () => clock.now(), sketchBytes: 1 << 26, later: (turn) => void turns.push(turn) },
    () => engines.map((engine) => run.poolOf(engine)),
    model,
  );
  const refresh = new ModelRefresh(async () => {}, clock);
  const gateways = together.all.map(({ pools, localities }) => {
    const makings = { models: [model], prefixIndexBytes: 1 << 20, rng: new Rng(seed, 2), localities };
    return new Gateway(pools, run.deck, makings, refresh, () => {});
  });
  const counter = new StepCounter(stream.trace, topology, null);
  const client: Client = {
    headers: () => {},
    takenOver: () => {},
    data: () => true,
    end: () => "whole",
    brokenOff: run.deck.onFault,
    refused: run.deck.onFault,
    bodyReleased: () => {},
  };
  let [sent, steps, fullest] = [0, 0, 0];
  while (sent < warmUp + judged) {
    for (
      let active = engines.reduce((sum, one) => sum + one.active, 0);
      active < instances * batch;
      active++
    ) {
      const { facts, request } = run.next();
      gateways[sent % gateways.length].send(facts, request, client);
      sent++;
    }
    if (sent > warmUp) {
      for (const engine of engines) if (engine.active > 0) counter.add(engine.rows());
      const most = Math.max(...engines.map(({ active }) => active));
      fullest += most / batch;
      steps++;
    }
    run.clock.ms += STEP_MS;
    for (const engine of engines) engine.step();
    for (const turn of turns.splice(0)) turn();
    together.step(clock.ms);
  }
  return { ...counter.figures(), fullest: fullest / steps, locality: together.locality(MODEL) };
}

/** One of a conversation, which is one recorded request. */
interface Turn {
  readonly request: number;
  readonly conversation: number;
  readonly turn: number;
}

class LiveRun {
  readonly clock = { ms: 0, now: () => this.clock.ms };
  readonly deck: FlightDeck;
  readonly #options: LiveOptions;
  readonly #rng: Rng;
  readonly #order: Int32Array;
  readonly #answers = new Map<number, Omit<Answer, "ended">>();
  /** Turns whose one before has ended, and those that follow one that is under way, by its number. */
  readonly #due: Turn[] = [];
  readonly #follows = new Map<number, Turn>();
  #at = 0;
  #number = 0;

  constructor(options: LiveOptions) {
    const { stream, seed } = options;
    const { clock } = this;
    const retry = { maxAttempts: 1, ratio: 0, minPerSecond: 0, windowMs: 1000, baseMs: 1, maxMs: 1 };
    this.#options = options;
    this.#rng = new Rng(seed, 5);
    this.#order = stream.requests.arrivals.slice();
    this.deck = {
      admission: new Admission(UNLIMITED, clock),
      meter: new TrafficMeter(clock, UNHEARD),
      capture: null,
      ends: null,
      retry,
      retryBudget: new RetryBudget(retry, 0),
      hedge: { afterMs: 0 },
      retryAfterSeconds: 1,
      clock,
      rng: new Rng(seed, 6),
      onShadowPair: () => {},
      onFault: (fault) => {
        throw fault;
      },
    };
  }

  poolOf(engine: DecodingEngine): ServingPool {
    const { model: moe, health: settings } = this.#options;
    const states = new ShardStates(1);
    const rng = new Rng(1);
    const router = new Router(
      createPolicy("round-robin", { shardIds: [engine.pool], prefixIndexBytes: 65_536 }),
      states,
      rng,
    );
    const models = [MODEL];
    const health = new PoolHealth({
      engine,
      models,
      states,
      settings,
      clock: this.clock,
      rng,
      probes: false,
      listener: null,
      onNotice: () => {},
      onRestarted: () => {},
    });
    return new ServingPool({ engine, models, states, router, health, moe });
  }

  answerTo({ headers }: EngineRequest): Answer {
    const number = Number(headers[1]);
    const answer = this.#answers.get(number) as Omit<Answer, "ended">;
    this.#answers.delete(number);
    return { ...answer, ended: () => this.#ended(number) };
  }

  #ended(number: number): void {
    const next = this.#follows.get(number);
    this.#follows.delete(number);
    if (next !== undefined) this.#due.push(next);
  }

  /** The next request, as the gateway's HTTP side has it. */
  next(): { readonly facts: RequestFacts; readonly request: EngineRequest } {
    const { stream, knownBy } = this.#options;
    const { rows, starts } = stream.requests;
    const number = this.#number++;
    if (knownBy === "tenant") {
      const request = this.#draw();
      const prompt = promptRows(stream.requests, request);
      const tenant = `domain ${stream.domains[request]}`;
      return this.#request(number, tenant, NO_BLOCKS, prompt, answerRows(stream.requests, request));
    }
    const turn = this.#due.shift() ?? { request: this.#draw(), conversation: number, turn: 0 };
    const from = starts[turn.request];
    const length = Math.max(1, Math.floor((starts[turn.request + 1] - from) / TURNS));
    const begin = from + turn.turn * length;
    const prompt = rows.subarray(from, Math.max(begin, from + 1));
    // All conversations begin with the same block.
    const turns = Array.from({ length: turn.turn + 1 }, (_, i) => `${turn.conversation}/${i}`);
    const next = { ...turn, turn: turn.turn + 1 };
    if (next.turn < TURNS) this.#follows.set(number, next);
    return this.#request(number, "anonymous", ["", ...turns], prompt, rows.subarray(begin, begin + length));
  }

  #draw(): number {
    if (this.#at % this.#order.length === 0) shuffle(this.#order, this.#rng);
    return this.#order[this.#at++ % this.#order.length];
  }

  #request(
    number: number,
    tenant: string,
    blocks: readonly string[],
    prompt: Int32Array,
    answer: Int32Array,
  ): { readonly facts: RequestFacts; readonly request: EngineRequest } {
    const names = this.#rng.uniform() < this.#options.part ? this.#named(prompt, answer) : null;
    this.#answers.set(number, { rows: answer, names });
    const words = blocks.flatMap((block) => [hashText(`a ${block}`), hashText(`b ${block}`)]);
    const prefix = Uint32Array.from(words);
    const facts: RequestFacts = {
      model: MODEL,
      responseId: null,
      owner: null,
      tenant,
      priority: 0,
      inputTokens: Math.max(1, prompt.length),
      maxTokens: answer.length,
      prefix,
      affinityKey: hashText(`request ${number}`),
      session: null,
      rank: -1,
      models: null,
      routedExperts: false,
      body: null,
      fields: null,
    };
    const request: EngineRequest = {
      method: "POST",
      path: "/v1/completions",
      headers: ["x-number", `${number}`],
      body: null,
    };
    return { facts, request };
  }

  #named(prompt: Int32Array, answer: Int32Array): RoutingTrace {
    const { layers, topk, experts } = this.#options.stream.trace;
    const width = layers * topk;
    const rows = [...prompt, ...answer];
    const ids = new Int16Array(rows.length * width);
    for (const [i, row] of rows.entries())
      ids.set(experts.subarray(row * width, (row + 1) * width), i * width);
    return { tokens: rows.length, layers, topk, experts: ids };
  }
}
