import { InputError } from "../lib/errors.ts";
import { ENGINE_NAMES, type FittedEngine } from "../model/fitted-engine.ts";
import type { ServingPrecision } from "../model/serving-precision.ts";
import { decimals, threeDigits } from "../lib/number-text.ts";
import { foundPart, leastPrompt } from "../planner/demand.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import { PERCENTILES, type ServiceTarget, USUAL_PERCENTILES } from "../planner/service-target.ts";
import { SLO_PRESETS, type SloPreset, type SloPresetName } from "../planner/slo-presets.ts";

/** What `plan` was asked. */
export interface PlanFlags {
  readonly model: string;
  readonly gpu: string;
  readonly precision?: ServingPrecision;
  readonly engine?: FittedEngine;
  readonly slo?: SloPresetName;
  readonly rate?: number;
  readonly isl?: number;
  readonly osl?: number;
  readonly trace?: string;
  readonly users?: number;
  readonly think?: number;
  /** Of every prompt, the part that is found in the cache. */
  readonly cached?: number;
  /** Times the rate, users or requests of the trace. */
  readonly traffic?: number;
  readonly ttftP50?: number;
  readonly ttftP90?: number;
  readonly ttftP95?: number;
  readonly ttftP99?: number;
  readonly itlP50?: number;
  readonly itlP90?: number;
  readonly itlP95?: number;
  readonly itlP99?: number;
  readonly maxGpus: number;
  readonly spare: "0" | "1" | "2";
  readonly redundant?: number;
  readonly skew?: number;
  readonly load?: string;
  readonly routing?: string;
  readonly price?: string;
  /** Dollars an hour. */
  readonly budget?: number;
  readonly apiPrice?: string;
  readonly seed: number;
}

/** What is said of the target. */
export type TargetFlags = Pick<
  PlanFlags,
  "slo" | "ttftP50" | "ttftP90" | "ttftP95" | "ttftP99" | "itlP50" | "itlP90" | "itlP95" | "itlP99"
>;

interface AskedLengths {
  readonly isl: number;
  readonly osl: number;
  readonly cached: number;
}

/** What comes: one of three. */
export type Asked =
  | ({ readonly kind: "rate"; readonly rate: number } & AskedLengths)
  | { readonly kind: "trace"; readonly path: string }
  | ({ readonly kind: "users"; readonly users: number; readonly think: number } & AskedLengths);

const USUAL_THINK = 30;

/** @throws InputError */
export function askedOf(flags: PlanFlags): Asked {
  const given = (["rate", "trace", "users"] as const).filter((name) => flags[name] !== undefined);
  if (given.length !== 1) {
    const hint = given.length === 0 ? "is missing" : `is beside --${given[1]}`;
    throw new InputError(`--${given[0] ?? "rate"}`, "", `${hint}; expected one of --rate, --trace, --users`);
  }
  if (flags.think !== undefined && flags.users === undefined)
    throw new InputError("--think", "", "is of users; give it with --users");
  if (flags.trace !== undefined) {
    for (const [name, own] of Object.entries({ isl: "lengths", osl: "lengths", cached: "prefixes" }) as [
      "isl" | "osl" | "cached",
      string,
    ][])
      if (flags[name] !== undefined)
        throw new InputError(
          `--${name}`,
          "",
          `has no effect beside --trace, which has ${own} of its own; leave it out`,
        );
    return { kind: "trace", path: flags.trace };
  }
  const preset = presetOf(flags);
  const [isl, osl] = [lengthOf("isl", flags.isl ?? preset?.isl), lengthOf("osl", flags.osl ?? preset?.osl)];
  const lengths = { isl, osl, cached: flags.cached ?? 0 };
  const least = leastPrompt(lengths.cached);
  if (isl < least) {
    const hint = `is ${lengths.cached} of prompts of ${isl} tokens; caches are found in blocks of 512, expected prompts of ${least} or more (--isl)`;
    throw new InputError("--cached", "", hint);
  }
  if (flags.rate !== undefined) return { kind: "rate", rate: flags.rate, ...lengths };
  return { kind: "users", users: flags.users ?? 0, think: flags.think ?? USUAL_THINK, ...lengths };
}

function lengthOf(name: "isl" | "osl", tokens: number | undefined): number {
  if (tokens !== undefined) return tokens;
  throw new InputError(
    `--${name}`,
    "",
    `is missing; expected tokens, or --slo ${Object.keys(SLO_PRESETS).join(", ")}`,
  );
}

/** @throws InputError */
export function targetOf(flags: TargetFlags): ServiceTarget {
  const preset = presetOf(flags)?.target;
  const ttft = timeOf(flags, "ttft", preset?.ttftMs);
  const itl = timeOf(flags, "itl", preset?.itlMs);
  return { ttftMs: ttft.ms, ttftPercentile: ttft.percentile, itlMs: itl.ms, itlPercentile: itl.percentile };
}

function timeOf(
  flags: TargetFlags,
  of: "ttft" | "itl",
  preset: number | undefined,
): { readonly ms: number; readonly percentile: number } {
  const given = PERCENTILES.flatMap((percentile) => {
    const ms = flags[`${of}P${percentile}`];
    return ms === undefined ? [] : [{ ms, percentile }];
  });
  if (given.length > 1) {
    const hint = `is beside --${of}-p${given[1].percentile}; expected one percentile of it`;
    throw new InputError(`--${of}-p${given[0].percentile}`, "", hint);
  }
  if (given.length === 1) return given[0];
  if (preset !== undefined) return { ms: preset, percentile: USUAL_PERCENTILES[`${of}Percentile`] };
  const hint = `is missing; expected milliseconds, or --slo ${Object.keys(SLO_PRESETS).join(", ")}`;
  throw new InputError(`--${of}-p95`, "", hint);
}

function presetOf({ slo }: Pick<PlanFlags, "slo">): SloPreset | null {
  return slo === undefined ? null : SLO_PRESETS[slo];
}

/** Dollars by type. @throws InputError */
export function pricesOf(
  { price }: Pick<PlanFlags, "price">,
  types: readonly string[],
): ReadonlyMap<string, number> {
  const prices = new Map<string, number>();
  for (const part of price === undefined ? [] : price.split(",")) {
    const [, type, dollars] = /^\s*([^=]+)=\s*(\d+(?:\.\d+)?)\s*$/.exec(part) ?? [];
    if (dollars === undefined || Number(dollars) <= 0)
      throw new InputError(
        "--price",
        "",
        `has ${JSON.stringify(part)}; expected a type and dollars an hour: h200=3.5`,
      );
    if (!types.includes(type.trim()))
      throw new InputError(
        "--price",
        "",
        `is of ${JSON.stringify(type.trim())}, which --gpu does not name; expected ${types.join(", ")}`,
      );
    prices.set(type.trim(), Number(dollars));
  }
  return prices;
}

/** The question, in a line. */
export function questionText(
  { model, precision, types, engine, demand, target, budget }: PlanProblem,
  { maxGpus, load, routing, skew }: PlanFlags,
): string {
  const on = types.map(({ gpu }) => gpu.name.toUpperCase()).join(" or ");
  const comes =
    demand.arrivals.kind === "users"
      ? `${demand.rate} users who think ${demand.arrivals.thinkMs / 1000} s, with requests`
      : `${threeDigits(demand.rate)} requests/s`;
  const found = foundPart(demand);
  const cache = demand.arrivals.kind === "window" ? "one cache for all" : "the cache";
  const prefixes = found > 0 ? `, ${decimals(100 * found, 0)} % of prompts found in ${cache}` : "";
  const asked = `${comes} of ${decimals(demand.prompt, 0)} + ${decimals(demand.answer, 0)} tokens${prefixes}`;
  const within = `${target.ttftPercentile} % of first tokens within ${target.ttftMs} ms and ${target.ttftPercentile === target.itlPercentile ? "" : `${target.itlPercentile} % `}of times between tokens within ${target.itlMs} ms`;
  const most = budget === null ? "" : ` for $${budget} an hour at most`;
  const by = engine === null ? "" : ` by ${ENGINE_NAMES[engine]}`;
  const own = load ?? routing;
  const experts =
    own !== undefined ? `, experts as in ${own}` : skew === undefined ? "" : `, experts of skew ${skew}`;
  return `${model.name} in ${precision}${by} on up to ${maxGpus} ${on}${most}: ${asked}${experts}, ${within}`;
}
