import { setImmediate, setTimeout } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { engineOn, modelledHardware } from "../../twin/calibration/gpu-hardware.ts";
import { comparePolicies } from "../../twin/compare-policies.ts";
import { PolicyBeside } from "../../twin/policy-beside.ts";
import { type RoutingSource, type RoutingSpan, spreadTokens } from "../../twin/routing-source.ts";
import { SimulatedPool } from "../../twin/simulated-pool.ts";
import { StepRecorder } from "../../twin/step-recorder.ts";
import { SyntheticRouting } from "../../twin/synthetic-routing.ts";
import { TraceRouting } from "../../twin/trace-routing.ts";
import type { PolicyRunOptions } from "../../twin/policy-run.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { Placement } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { HeldWeights } from "./held-weights.ts";
import type { FromPool, Question, ThreadData, ToPool } from "./protocol.ts";

/** Progress of a comparison is reported this often. */
const PROGRESS_MS = 200;

/** Tokens of a request whose experts are reported at its end: 30 kB of DeepSeek-V3. */
const ROUTED_TOKENS = 32;

/** The rows that a request in the pool forwards. */
interface Forwarded {
  readonly span: RoutingSpan;
  readonly tokens: number;
}

/** The thread of one simulated pool: runs the twin against the wall clock. */
class PoolWorker {
  readonly #data: ThreadData;
  readonly #routing: RoutingSource;
  readonly #recorder: StepRecorder;
  readonly #post: (message: FromPool) => void;
  readonly #spans = new Map<number, Forwarded>();
  readonly #held = new HeldWeights();
  readonly #slow = new Map<number, number>();
  #pool: SimulatedPool | null = null;
  #snapshot: RoutingSnapshot | null = null;
  #observedAt = performance.now();
  /** Placements whose weights travel. */
  #transfers = 0;
  #lagMs = 0;
  /** EPLB on the same steps; null where it is not run. */
  #beside: PolicyBeside | null = null;
  #wake: () => void = () => {};

  constructor(data: ThreadData, post: (message: FromPool) => void) {
    this.#data = data;
    this.#post = post;
    if (data.routing === null) {
      const drawn = new SyntheticRouting(data.model, data.seed);
      // A run that is looked at from its start on does not begin behind its clock.
      if (data.recordTokens > 0) drawn.makeAll();
      this.#routing = drawn;
    } else this.#routing = new TraceRouting(data.routing);
    this.#recorder = new StepRecorder(data.recordTokens);
  }

  receive(message: ToPool): void {
    switch (message.kind) {
      case "switchTo":
        this.#switchTo(message.snapshot);
        break;
      case "submit":
        this.#submit(message);
        break;
      case "cancel":
        this.#running().cancel(message.id);
        this.#spans.delete(message.id);
        break;
      case "shift":
        this.#routing.shift();
        break;
      case "slow":
        this.#slow.set(message.rank, message.factor);
        this.#pool?.slowDown(message.rank, message.factor);
        break;
      case "lose":
        this.#lose(message.rank);
        break;
      case "restore":
        this.#restore(message.rank);
        break;
      case "ask":
        void this.#answer(message.ticket, message.question);
        break;
    }
    this.#wake();
  }

  /** Steps while there is work; sleeps while there is none. A step's tokens appear when its modelled time is over. */
  async run(): Promise<never> {
    let freeAt = performance.now();
    for (;;) {
      const startedAt = Math.max(freeAt, performance.now());
      const step = this.#pool?.step() ?? null;
      if (step === null) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      // Before anything is awaited: a request may be cancelled while its last token is on its way.
      const routed = step.finished.map((id) => this.#routed(id));
      if (this.#data.recordTokens > 0) this.#recorder.record(startedAt, this.#running().batch);
      freeAt = startedAt + step.ms;
      this.#stepBeside(startedAt, step.ms);
      const now = performance.now();
      if (now > freeAt) {
        this.#lagMs += now - freeAt;
        freeAt = now;
        await setImmediate();
      } else await setTimeout(freeAt - now);
      this.#post({ kind: "step", made: step.made, finished: step.finished, routed });
    }
  }

  /** What there is no time for is passed over: the pool itself must not fall behind for it. */
  #stepBeside(startedAt: number, ms: number): void {
    const beside = this.#beside;
    // It knows of no lost GPUs.
    if (beside === null || this.#held.stopped.length > 0 || performance.now() >= startedAt + ms) return;
    beside.step(startedAt, this.#running().batch, ms);
  }

  #submit({ id, rank, inputTokens, outputTokens, tenant }: Extract<ToPool, { kind: "submit" }>): void {
    const span = this.#routing.admit(inputTokens + outputTokens, tenant);
    this.#running().submit({ id, rank, inputTokens, outputTokens, routing: span });
    // The last token is made, not forwarded.
    this.#spans.set(id, { span, tokens: inputTokens + outputTokens - 1 });
  }

  /** Forgets a request. @returns some of its tokens with their experts */
  #routed(id: number): RoutingTrace {
    const { span, tokens } = this.#spans.get(id) as Forwarded;
    this.#spans.delete(id);
    return spreadTokens(this.#routing, span, tokens, this.#data.model.moeLayers.length, ROUTED_TOKENS);
  }

  #running(): SimulatedPool {
    if (this.#pool === null) throw new Error("a pool takes requests only once it has a snapshot");
    return this.#pool;
  }

  #switchTo(snapshot: RoutingSnapshot): void {
    const { model, seed, dispatch, fidelity, gpu } = this.#data;
    this.#snapshot = snapshot;
    const usable = this.#held.adopt(snapshot);
    if (this.#pool === null) {
      const options = { model, seed, routing: this.#routing, dispatch, fidelity };
      this.#pool = new SimulatedPool(
        { ...options, hardware: modelledHardware(model, gpu), engine: engineOn(gpu), detail: true },
        usable,
      );
      for (const rank of this.#held.stopped) this.#pool.lose(rank);
      for (const [rank, factor] of this.#slow) this.#pool.slowDown(rank, factor);
      const { beside } = this.#data;
      if (beside !== null)
        this.#beside = new PolicyBeside("eplb", this.#policyOptions(beside), performance.now());
      this.#post({ kind: "ready", maxRequestTokens: this.#pool.maxRequestTokens });
    } else this.#pool.adopt(usable);
  }

  #policyOptions(cadence: Cadence): PolicyRunOptions {
    const { model, topology, seed, fidelity, gpu } = this.#data;
    return {
      model,
      topology,
      seed,
      fidelity,
      cadence,
      routing: this.#routing,
      hardware: modelledHardware(model, gpu),
      engine: engineOn(gpu),
    };
  }

  /** The others go on without what it held. */
  #lose(rank: number): void {
    this.#held.lose(rank);
    for (const id of this.#pool?.lose(rank) ?? []) this.#spans.delete(id);
    if (this.#snapshot !== null) this.#pool?.adopt(this.#held.of(this.#snapshot));
  }

  /** What it holds, snapshots to come say. */
  #restore(rank: number): void {
    this.#held.restore(rank);
    this.#pool?.restore(rank);
  }

  /** While weights travel, steps share the network with them. */
  async #prepare(placement: Placement): Promise<void> {
    const pool = this.#running();
    const ms = pool.transferMs(placement);
    if (ms === 0) return;
    pool.setTransferring(++this.#transfers > 0);
    await setTimeout(ms);
    pool.setTransferring(--this.#transfers > 0);
  }

  async #answer(ticket: number, question: Question): Promise<void> {
    const answer = (value: Extract<FromPool, { kind: "answer" }>["value"]) =>
      this.#post({ kind: "answer", ticket, value });
    switch (question.kind) {
      case "observe": {
        const now = performance.now();
        const window = this.#running().takeWindow(now - this.#observedAt);
        this.#observedAt = now;
        this.#beside?.observe(window);
        const beside = this.#held.stopped.length === 0 ? (this.#beside?.figures ?? null) : null;
        return answer({ window, inFlight: this.#running().inFlight, lagMs: this.#lagMs, beside });
      }
      case "ranks":
        return answer(this.#pool?.rankStates() ?? null);
      case "prepare":
        await this.#prepare(question.placement);
        return answer(null);
      case "compare": {
        const run = comparePolicies(this.#recorder, this.#policyOptions(question.cadence));
        let reportedAt = 0;
        for (let next = run.next(); ; next = run.next()) {
          if (next.done === true) return answer(next.value);
          if (performance.now() - reportedAt < PROGRESS_MS) continue;
          this.#post({ kind: "progress", part: next.value });
          reportedAt = performance.now();
          await setImmediate();
        }
      }
    }
  }
}

const port = parentPort;
if (port === null) throw new Error("pool-worker runs as a worker thread only");
const worker = new PoolWorker(workerData as ThreadData, (message) => port.postMessage(message));
port.on("message", (message: ToPool) => worker.receive(message));
await worker.run();
