import { InputError } from "../../lib/errors.ts";
import type { ServingPrecision } from "../../model/serving-precision.ts";
import { decimals } from "../../lib/number-text.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { USUAL_PERCENTILES, type ServiceTarget } from "../../planner/service-target.ts";
import { SLO_PRESETS, type SloPreset, type SloPresetName } from "../../planner/slo-presets.ts";

/** What `plan` was asked. */
export interface PlanFlags {
  readonly model: string;
  readonly gpu: string;
  readonly precision?: ServingPrecision;
  readonly slo?: SloPresetName;
  readonly rate?: number;
  readonly isl?: number;
  readonly osl?: number;
  readonly trace?: string;
  readonly users?: number;
  readonly think?: number;
  readonly ttftP95?: number;
  readonly itlP95?: number;
  readonly maxGpus: number;
  readonly spare: "0" | "1" | "2";
  readonly price?: string;
  readonly out?: string;
  readonly seed: number;
  readonly json?: true;
}

/** What comes: one of three. */
export type Asked =
  | { readonly kind: "rate"; readonly rate: number; readonly isl: number; readonly osl: number }
  | { readonly kind: "trace"; readonly path: string }
  | {
      readonly kind: "users";
      readonly users: number;
      readonly think: number;
      readonly isl: number;
      readonly osl: number;
    };

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
    for (const name of ["isl", "osl"] as const)
      if (flags[name] !== undefined)
        throw new InputError(
          `--${name}`,
          "",
          "has no effect beside --trace, which has lengths of its own; leave it out",
        );
    return { kind: "trace", path: flags.trace };
  }
  const preset = presetOf(flags);
  const [isl, osl] = [lengthOf("isl", flags.isl ?? preset?.isl), lengthOf("osl", flags.osl ?? preset?.osl)];
  if (flags.rate !== undefined) return { kind: "rate", rate: flags.rate, isl, osl };
  return { kind: "users", users: flags.users ?? 0, think: flags.think ?? USUAL_THINK, isl, osl };
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
export function targetOf(flags: Pick<PlanFlags, "slo" | "ttftP95" | "itlP95">): ServiceTarget {
  const target = presetOf(flags)?.target;
  return {
    ttftMs: timeOf("--ttft-p95", flags.ttftP95 ?? target?.ttftMs),
    itlMs: timeOf("--itl-p95", flags.itlP95 ?? target?.itlMs),
    ...USUAL_PERCENTILES,
  };
}

function timeOf(flag: string, ms: number | undefined): number {
  if (ms !== undefined) return ms;
  throw new InputError(
    flag,
    "",
    `is missing; expected milliseconds, or --slo ${Object.keys(SLO_PRESETS).join(", ")}`,
  );
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
  { model, precision, types, demand, target }: PlanProblem,
  { maxGpus }: PlanFlags,
): string {
  const on = types.map(({ gpu }) => gpu.name.toUpperCase()).join(" or ");
  const asked = `${demand.rate.toPrecision(3)} requests/s of ${decimals(demand.prompt, 0)} + ${decimals(demand.answer, 0)} tokens`;
  const within = `95 % of first tokens within ${target.ttftMs} ms and of times between tokens within ${target.itlMs} ms`;
  return `${model.name} in ${precision} on up to ${maxGpus} ${on}: ${asked}, ${within}`;
}
