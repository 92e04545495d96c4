import type { Hardware } from "../core/cost/hardware.ts";
import type { BalancePolicy } from "../core/planning/balance-policy.ts";
import { Balancer } from "../core/planning/balancer.ts";
import { policyTopology } from "../core/planning/policy-topology.ts";
import { Rng } from "../lib/rng.ts";
import type { Cadence } from "../model/cadence.ts";
import type { PolicyResult } from "../model/comparison.ts";
import type { Fidelity } from "../model/fidelity.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import { type EngineSettings, WIDE_EP_ENGINE } from "./engine-settings.ts";
import type { ForwardPass } from "./fidelity/forward-pass.ts";
import { ForwardPasses } from "./fidelity/forward-passes.ts";
import { PoolMeter } from "./pool-meter.ts";
import type { RoutingSource } from "./routing-source.ts";
import { type StepRecord, replayBatch } from "./step-recorder.ts";
import { TokenDraw } from "./token-draw.ts";
import { WindowTotals, ratio } from "./window-totals.ts";

export interface PolicyRunOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly hardware: Hardware;
  readonly routing: RoutingSource;
  readonly cadence: Cadence;
  readonly seed: number;
  /** Exact unless said otherwise. */
  readonly fidelity?: Fidelity;
  readonly engine?: EngineSettings;
}

/** Recorded steps sent through one policy, which starts knowing nothing and observes its own past only. */
export class PolicyRun {
  readonly #policy: BalancePolicy;
  readonly #options: PolicyRunOptions;
  readonly #gpus: number;
  readonly #balancer: Balancer;
  readonly #draw: TokenDraw;
  readonly #total = new WindowTotals();
  readonly #onWindow: (window: PoolWindow) => void;
  readonly #passes: ForwardPasses;
  #pass: ForwardPass;
  #meter: PoolMeter;
  #windowFrom: number;
  #movedSlots = 0;
  #epochs = 1;

  /** @param onWindow receives every window that is over */
  constructor(
    policy: BalancePolicy,
    options: PolicyRunOptions,
    startMs: number,
    onWindow: (window: PoolWindow) => void = () => {},
  ) {
    const { model, topology, cadence, hardware, engine = WIDE_EP_ENGINE } = options;
    const slots = policyTopology(model, topology, policy);
    this.#policy = policy;
    this.#onWindow = onWindow;
    this.#options = options;
    this.#gpus = gpuCount(topology);
    this.#balancer = new Balancer(model, slots, policy, cadence, startMs, {
      hardware,
      shape: engine.shape,
    });
    this.#passes = new ForwardPasses({
      ...options,
      dispatch: policy.dispatch,
      fidelity: options.fidelity ?? "exact",
      engine: options.engine ?? WIDE_EP_ENGINE,
    });
    this.#pass = this.#passes.by(this.#balancer.current);
    this.#draw = new TokenDraw(new Rng(options.seed, 6));
    this.#meter = new PoolMeter(this.#balancer.current.placement, this.#draw);
    this.#windowFrom = startMs;
  }

  /** Slots moved, and placements, since the start. */
  get moved(): { readonly slots: number; readonly placements: number } {
    return { slots: this.#movedSlots, placements: this.#epochs - 1 };
  }

  step(record: StepRecord): void {
    const { cadence } = this.#options;
    if (record.atMs - this.#windowFrom >= cadence.sharesMs) this.#balance(record.atMs);
    this.#pass.run(replayBatch(record), this.#meter);
  }

  result(): PolicyResult {
    this.#closeWindow(this.#windowFrom);
    const { balancedness, nodeHopsPerToken, hopsPerToken, meanStepMs, tokens, stepMs } = this.#total;
    return {
      name: this.#policy.name,
      title: this.#policy.title,
      balancedness,
      nodeHopsPerToken,
      hopsPerToken,
      meanStepMs,
      tokensPerGpuSecond: ratio(tokens * 1000, stepMs * this.#gpus),
      movedSlots: this.#movedSlots,
      epochs: this.#epochs,
    };
  }

  #balance(nowMs: number): void {
    const window = this.#closeWindow(nowMs);
    if (window.tokens > 0) this.#balancer.observe(window.load, window.spanMs, window.routing, window);
    const decision = this.#balancer.decide(nowMs);
    if (decision === null || decision.kind === "keep") return;
    this.#balancer.accept(decision.plan);
    this.#movedSlots += decision.moves.slots;
    this.#epochs++;
    this.#pass = this.#passes.by(this.#balancer.current);
  }

  #closeWindow(nowMs: number): PoolWindow {
    const window = this.#meter.window(nowMs - this.#windowFrom, this.#options.routing, []);
    this.#meter = new PoolMeter(this.#balancer.current.placement, this.#draw);
    this.#windowFrom = nowMs;
    this.#total.add(window);
    this.#onWindow(window);
    return window;
  }
}
