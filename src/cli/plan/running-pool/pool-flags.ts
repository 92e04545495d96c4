import type { Command } from "commander";
import { InputError } from "../../../lib/errors.ts";
import { readKey } from "../../../config/read-key.ts";
import { countOption, positiveOption } from "../../options.ts";
import { PERCENTILES } from "../../../planner/service-target.ts";
import type { PlanFlags } from "../../../plans/plan-flags.ts";
import { QUESTION_KEYS, fieldOf } from "../../../plans/question-keys.ts";

/** What `plan --pool` is asked: what a gateway does not know, and how long it is watched. */
export interface PoolFlags extends Partial<Pick<PlanFlags, "model" | "gpu" | "precision" | "engine">> {
  readonly pool: string;
  readonly keyEnv?: string;
  readonly window?: number;
  readonly attentionTp?: number;
  readonly ep?: number;
  readonly stepTokens?: number;
}

export const WINDOW_SECONDS = 60;

/** What pools are asked, too; everything else is asked of plans alone. */
const OF_BOTH = new Set<string>([
  "model",
  "gpu",
  "precision",
  "engine",
  "slo",
  "seed",
  ...PERCENTILES.flatMap((percentile) => [`ttft-p${percentile}`, `itl-p${percentile}`]),
]);
const OF_PLANS = [
  ...QUESTION_KEYS.filter(({ name }) => !OF_BOTH.has(name)).map((key) => ({
    name: key.name,
    field: fieldOf(key),
  })),
  ...["from", "set", "threads"].map((name) => ({ name, field: name })),
];
const OF_POOLS = {
  keyEnv: "key-env",
  window: "window",
  attentionTp: "attention-tp",
  ep: "ep",
  stepTokens: "step-tokens",
};

/** Refuses what has no effect. @throws InputError */
export function checkPoolFlags(flags: Partial<PoolFlags> & object): void {
  if (flags.pool === undefined) {
    for (const [name, flag] of Object.entries(OF_POOLS))
      if (flags[name as keyof typeof OF_POOLS] !== undefined)
        throw new InputError(`--${flag}`, "", "is of a running pool; give it with --pool");
    return;
  }
  const given = Object.keys(flags);
  for (const { name, field } of OF_PLANS)
    if (given.includes(field))
      throw new InputError(
        `--${name}`,
        "",
        "has no effect beside --pool, whose traffic is measured; leave it out",
      );
}

export function addPoolOptions(command: Command): Command {
  return command
    .option(
      "--pool <url>",
      "a running gateway, with #NAME where it has several pools: how much room is left there, and what to change",
    )
    .option("--key-env <name>", "with --pool: the variable that holds the key of operators")
    .addOption(positiveOption("--window <seconds>", "with --pool: how long it is watched (default: 60)"))
    .addOption(
      countOption(
        "--attention-tp <n>",
        "with --pool: GPUs that share the attention of a sequence, of real engines",
      ),
    )
    .addOption(
      countOption("--ep <n>", "with --pool: GPUs of a server that experts are spread over (default: all)"),
    )
    .addOption(
      countOption(
        "--step-tokens <n>",
        "with --pool: tokens of a rank's step, of real engines (default: 8192)",
      ),
    );
}

/** Where a gateway is, and which of its pools is asked about. @param flag what names it @throws InputError */
export function gatewayOf(
  { pool }: Pick<PoolFlags, "pool">,
  flag = "--pool",
): { readonly url: URL; readonly name: string | null } {
  const expected =
    "expected a gateway's URL: http://10.0.0.1:8080, or http://10.0.0.1:8080#chat for one of its pools";
  let url: URL;
  try {
    url = new URL(pool);
  } catch {
    throw new InputError(flag, "", `is no URL; ${expected}`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new InputError(flag, "", `is of ${url.protocol}; ${expected}`);
  if (url.username !== "" || url.password !== "" || url.search !== "")
    throw new InputError(flag, "", `has more than a host and a pool; ${expected}`);
  const name = decodeURIComponent(url.hash.slice(1));
  url.hash = "";
  return { url, name: name === "" ? null : name };
}

/** The key of operators; null where none is named. @throws InputError */
export function operatorKey({ keyEnv }: Pick<PoolFlags, "keyEnv">): string | null {
  if (keyEnv === undefined) return null;
  return readKey(keyEnv, { sourceOf: () => "--key-env", field: [] }, process.env);
}
