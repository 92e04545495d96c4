import { shippedGpuNames } from "../../config/gpus/load-gpu.ts";
import { whyNotServed } from "../../core/cost/serving-room.ts";
import { Predictor } from "../../core/planning/prediction.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { InputError } from "../../lib/errors.ts";
import { partOfModel } from "../../model/engine-shape.ts";
import { engineShape } from "../../planner/layout.ts";
import { calibrate } from "../../planner/right-sizing/calibrate.ts";
import { UnitTwin } from "../../planner/right-sizing/unit-twin.ts";
import { type NodesPoint, nodesWhatIf } from "../../planner/what-if/nodes.ts";
import { type SlotsFound, slotBytes, slotsWhatIf } from "../../planner/what-if/slots.ts";
import { type TrafficFound, trafficWhatIf } from "../../planner/what-if/traffic.ts";
import { type ReadPool, policyOf, readRunningPool } from "../running-pool/running-pool.ts";
import { measuredPart, targetNow } from "./measured-part.ts";
import type { PoolFacts } from "./pool-facts.ts";
import type { WhatIfQuestion } from "./question.ts";
import { asFields, awayNotes, clockNotes, whyNotTraffic } from "./why-not.ts";
import type { WhatIfJob } from "./what-if-job.ts";

const SEED = 1;
/** What counts of a run in the twin. */
const REQUESTS = 300;

const UNKNOWN_GPU =
  "the type of GPU is not known: whether more slots fit in its memory, and what steps gain, is left out";

/** Answers what-ifs one after another; what was found out of a pool's clock holds for the next about the same facts. */
export class WhatIfThread {
  readonly #begin: () => () => boolean;
  #twin: { readonly of: string; readonly twin: UnitTwin; readonly notes: readonly string[] } | null = null;

  /** @param begin is called as a question begins; what it returns says whether its time is over: nothing more is run then */
  constructor(begin: () => () => boolean) {
    this.#begin = begin;
  }

  /** @throws InputError for what is given of the servers and cannot be */
  async answer({ question, facts, facing }: WhatIfJob): Promise<object> {
    const over = this.#begin();
    const { what, gpu, stepTokens, attentionTp } = question;
    const { name, front } = facts.found;
    // Who knows the type of real servers' GPUs can choose it.
    const gpus = (front.deployment?.gpu ?? null) === null ? await shippedGpuNames() : null;
    const head = { format: "plimsoll.what-if/1", pool: name, what, atMs: facts.atMs, gpus };
    try {
      if (what === "slots") return { ...head, ...(await this.#slots(question, facts, over)) };
      const why = whyNotTraffic(question, facts);
      if (why !== null) return { ...head, why };
      return { ...head, ...(await this.#throughTwin(question, facts, facing, over)) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const message = asFields(error.message);
      if ((gpu ?? stepTokens ?? attentionTp) !== null) throw new InputError("body", "", message);
      return { ...head, why: message };
    }
  }

  async #slots(question: WhatIfQuestion, facts: PoolFacts, over: () => boolean): Promise<object> {
    const { found, model, plan, load } = facts;
    if (plan === null) return { why: "no placement is in force yet" };
    if (load === null) return { why: "no tokens were counted yet: the load of its experts is not known" };
    const policy = policyOf(found);
    const read = await knownPool(question, facts);
    const slots: SlotsFound = { now: null, points: [] };
    const type = read === null ? null : read.pool.type;
    const shape = read === null ? null : engineShape(read.pool.unit.layout.decode);
    const { topology } = plan.placement;
    const stopped = this.#runUntil(
      over,
      slotsWhatIf(
        {
          model,
          load,
          topology,
          consumer: policy.consumer,
          begins: plan,
          splitsBatches: policy.dispatch === "priced",
          fits: (slotsPerGpu) =>
            type === null ||
            shape === null ||
            whyNotServed(model, { ...topology, slotsPerGpu }, type.hardware, shape) === null,
          costOf:
            type === null || shape === null
              ? null
              : costsBy(new Predictor(partOfModel(model, shape), policy, type.hardware), facts),
        },
        slots,
      ),
    );
    const notes = [...awayNotes(facts), ...(type === null ? [UNKNOWN_GPU] : [])];
    return { why: null, stopped, notes, ...slots, slotBytes: slotBytes({ model }) };
  }

  async #throughTwin(
    question: WhatIfQuestion,
    facts: PoolFacts,
    facing: number,
    over: () => boolean,
  ): Promise<object> {
    const { measured } = facts;
    if (typeof measured === "string") throw new Error("nothing is measured");
    const of = JSON.stringify([facing, { ...question, what: null }]);
    if (this.#twin?.of !== of) {
      const read = await knownPool(question, facts);
      if (read === null) throw new Error("the type of GPU is not known");
      const twin = new UnitTwin(read.pool, measured, targetNow(measured), SEED, REQUESTS);
      if (this.#runUntil(over, calibrate(twin)))
        return { why: "the twin of this pool takes too long for today's traffic" };
      this.#twin = { of, twin, notes: read.notes.map(asFields) };
    }
    const { twin, notes } = this.#twin;
    const base = {
      why: null,
      notes: [...awayNotes(facts), ...notes, ...clockNotes(twin.clock)],
      clock: twin.clock,
      measured: measuredPart(measured),
    };
    if (question.what === "nodes") {
      const points: NodesPoint[] = [];
      const stopped = this.#runUntil(over, nodesWhatIf(twin, points));
      return { ...base, stopped, points };
    }
    const found: TrafficFound = { most: null, points: [] };
    const stopped = this.#runUntil(over, trafficWhatIf(twin, found));
    return { ...base, stopped, ...found };
  }

  /** @returns whether time was over before the end */
  #runUntil(over: () => boolean, steps: Generator<number, unknown>): boolean {
    while (steps.next().done !== true) if (over()) return true;
    return false;
  }
}

/** Null where nobody says its type of GPU. @throws InputError */
async function knownPool(
  { gpu, stepTokens, attentionTp }: WhatIfQuestion,
  { found, model, plan, load }: PoolFacts,
): Promise<ReadPool | null> {
  const known = gpu ?? found.front.deployment?.gpu ?? null;
  if (known === null) return null;
  const flags = {
    ...(stepTokens === null ? {} : { stepTokens }),
    ...(attentionTp === null ? {} : { attentionTp }),
  };
  return readRunningPool({ found, model, gpu: known, plan, load }, flags, SEED);
}

function costsBy(predictor: Predictor, { load }: PoolFacts): (plan: Plan) => number {
  if (load === null) throw new Error("nothing is known of the load");
  return (plan) => predictor.predict(plan, load, [], null).cost;
}
