import { fileURLToPath } from "node:url";
import { InputError } from "../lib/errors.ts";
import { type Config, type ExpertGroup, type PoolConfig, configSchema } from "./config.ts";
import { loadModel, loadTopology } from "./shapes.ts";
import { checkShape, readYaml } from "./yaml-file.ts";

type Section = Record<string, unknown>;

const DEFAULTS = fileURLToPath(new URL("../../config/default.yaml", import.meta.url));

/**
 * The configuration: config/default.yaml, over it the file, over both the environment (`PLIMSOLL_HTTP_PORT` is
 * `http.port`). Variables that name no setting are not ours and are left alone.
 * @param path a YAML file, or null for the defaults alone
 * @throws InputError naming the file or variable, the field and the mend
 */
export async function loadConfig(path: string | null, environment: NodeJS.ProcessEnv = {}): Promise<Config> {
  const defaults = (await readYaml(DEFAULTS)) as Section;
  const written = path === null ? {} : await readYaml(path);
  const source = path ?? DEFAULTS;
  if (!isSection(written))
    throw new InputError(source, "", "is not a mapping; expected settings such as `pools:`");

  const variables = new Map<string, string>();
  const merged = layOver(defaults, written);
  for (const [section, settings] of Object.entries(defaults)) {
    const target = merged[section];
    if (!isSection(settings) || !isSection(target)) continue;
    for (const setting of Object.keys(settings)) {
      const variable = `PLIMSOLL_${capitals(section)}_${capitals(setting)}`;
      const value = environment[variable];
      if (value === undefined) continue;
      target[setting] = typeof settings[setting] === "number" ? numberOrText(value) : value;
      variables.set(`${section}.${setting}`, variable);
    }
  }
  const checked = checkShape(configSchema, merged, (field) => variables.get(field.join(".")) ?? source);

  const pools: PoolConfig[] = [];
  for (const [i, pool] of checked.pools.entries()) {
    if (pool.kind === "simulated") {
      const experts = await expertGroup(pool, source, `pools[${i}]`);
      pools.push({
        kind: "simulated",
        name: pool.name,
        models: [experts.model.name],
        experts,
        seed: pool.seed,
      });
    } else {
      const experts =
        pool.experts === undefined ? null : await expertGroup(pool.experts, source, `pools[${i}].experts`);
      pools.push({ kind: "openai", name: pool.name, models: pool.models, urls: pool.urls, experts });
    }
  }
  checkNames(pools, source);
  return { ...checked, pools };
}

async function expertGroup(
  names: { model: string; topology: string },
  source: string,
  field: string,
): Promise<ExpertGroup> {
  const [model, topology] = await Promise.all([loadModel(names.model), loadTopology(names.topology)]);
  const slots = topology.nodes * topology.gpusPerNode * topology.slotsPerGpu;
  if (slots < model.experts) {
    const mend = `has ${slots} slots; expected at least the ${model.experts} experts of ${model.name}`;
    throw new InputError(source, `${field}.topology`, mend);
  }
  return { model, topology };
}

/** A model's name decides the pool, and a pool's name its shards: both must be unique. */
function checkNames(pools: readonly PoolConfig[], source: string): void {
  const poolNames = new Set<string>();
  const owner = new Map<string, string>();
  for (const [i, pool] of pools.entries()) {
    if (poolNames.has(pool.name)) {
      throw new InputError(source, `pools[${i}].name`, `is "${pool.name}" again; expected a name of its own`);
    }
    poolNames.add(pool.name);
    for (const model of pool.models) {
      const other = owner.get(model);
      if (other !== undefined) {
        throw new InputError(
          source,
          `pools[${i}]`,
          `serves "${model}" as pool "${other}" does; expected one pool per model`,
        );
      }
      owner.set(model, pool.name);
    }
  }
}

/** One level deep: sections are merged, everything else is replaced. */
function layOver(below: Section, above: Section): Section {
  const merged: Section = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const base = merged[key];
    merged[key] = isSection(base) && isSection(value) ? { ...base, ...value } : value;
  }
  return merged;
}

function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is no number stays text, so that the shape check can show it. */
function numberOrText(value: string): number | string {
  const number = Number(value);
  return value.trim() === "" || Number.isNaN(number) ? value : number;
}

/** `bodyLimitBytes` → `BODY_LIMIT_BYTES` */
function capitals(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
