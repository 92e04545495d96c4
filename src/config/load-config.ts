import { fileURLToPath } from "node:url";
import { InputError } from "../lib/errors.ts";
import { checkExperts, checkPools } from "./check-pools.ts";
import { checkSettings } from "./check-settings.ts";
import { type Config, configSchema } from "./config.ts";
import { type Section, isSection, layEnvironmentOver, layOver } from "./layers.ts";
import { byPresentNames } from "./renamed-settings.ts";
import { readPools } from "./read-pools.ts";
import { readStoreUrl } from "./store-url.ts";
import { checkShape, readYaml } from "./yaml-file.ts";

const DEFAULTS = fileURLToPath(new URL("../../config/default.yaml", import.meta.url));

/**
 * The configuration: config/default.yaml, over it the file, over both the environment (`PLIMSOLL_HTTP_PORT` is
 * `http.port`). It may be loaded anew at any time.
 * @param path a YAML file, or null for the defaults alone
 * @throws InputError naming the file or variable, the field and the mend
 */
export async function loadConfig(path: string | null, environment: NodeJS.ProcessEnv = {}): Promise<Config> {
  const defaults = await defaultSettings();
  const source = path ?? DEFAULTS;
  const written = path === null ? {} : await readYaml(path);
  if (!isSection(written))
    throw new InputError(source, "", "is not a mapping; expected settings such as `pools:`");

  const { settings, variables } = layEnvironmentOver(
    layOver(defaults, byPresentNames(written)),
    defaults,
    environment,
  );
  const sourceOf = (field: readonly PropertyKey[]) => variables.get(field.join(".")) ?? source;
  const checked = checkShape(configSchema, settings, sourceOf);
  checkSettings(checked, sourceOf);

  const { tenant, tenants: named } = checked.admission;
  const tenants = Object.fromEntries(
    Object.entries(named).map(([name, own]) => [name, Object.assign({ ...tenant }, own)]),
  );
  const pools = await readPools(checked.pools, checked.routing.policy, source, environment);
  checkPools(pools, checked.workers, source);
  const operatorKey = readOperatorKey(checked.http.operatorKeyEnv, sourceOf, environment);
  const { url, ...storeSettings } = checked.store;
  const store = { ...storeSettings, address: readStoreUrl(url, sourceOf(["store", "url"])) };
  checkExperts(pools, { store, control: checked.control }, source);
  return { ...checked, admission: { ...checked.admission, tenants }, operatorKey, store, pools };
}

function readOperatorKey(
  variable: string | null,
  sourceOf: (field: readonly PropertyKey[]) => string,
  environment: NodeJS.ProcessEnv,
): string | null {
  if (variable === null) return null;
  const key = environment[variable];
  if (key !== undefined && key !== "") return key;
  const mend = `names ${variable}, which is not set; expected a variable with the key`;
  throw new InputError(sourceOf(["http", "operatorKeyEnv"]), "http.operatorKeyEnv", mend);
}

/** What config/default.yaml says, as it stands. */
export async function defaultSettings(): Promise<Section> {
  return (await readYaml(DEFAULTS)) as Section;
}
