import { dirname } from "node:path";
import type { TlsSettings } from "../model/server-access.ts";
import { captureNotes, readCapture } from "./capture-config.ts";
import { checkExperts, checkPools } from "./check-pools.ts";
import { checkSettings } from "./check-settings.ts";
import { checkShape } from "./check-shape.ts";
import { type Config, configSchema } from "./config.ts";
import { settingVariables, unknownVariables } from "./environment-names.ts";
import { layEnvironmentOver, layOver } from "./layers.ts";
import { type Place, type SourceOf, faultAt, inside } from "./place.ts";
import { pickerNotes, readPicker } from "./read-picker.ts";
import type { WrittenPool } from "./pool-schema.ts";
import { readKey } from "./read-key.ts";
import { readModels } from "./read-models.ts";
import { type ServedPool, readPools } from "./read-pools.ts";
import { readAccess } from "./read-access.ts";
import { readListeners } from "./read-listeners.ts";
import { readTls } from "./read-tls.ts";
import { NamedFiles } from "./named-files.ts";
import { keyHash } from "./operator-key.ts";
import { byPresentNames } from "./renamed-settings.ts";
import { type Section, isSection } from "./section.ts";
import { readStoreUrl } from "./store-url.ts";
import { readTelemetry } from "./telemetry-config.ts";
import { takesNumber } from "./takes-number.ts";
import { readYaml, readYamlFile, type YamlFile } from "./yaml-file.ts";
import { packageFile } from "../files/package-files.ts";

const DEFAULTS = packageFile("config/default.yaml");

/**
 * The configuration: config/default.yaml, over it the file, over both the environment (`PLIMSOLL_HTTP_PORT` is
 * `http.port`). It may be loaded anew at any time. A file must name its pools: those of the defaults are the demo's.
 * @param path a YAML file, or null for the defaults alone
 * @throws InputError naming the file and line, or the variable, the field and what to change
 */
export async function loadConfig(path: string | null, environment: NodeJS.ProcessEnv = {}): Promise<Config> {
  return await configOf(await readYamlFile(path ?? DEFAULTS), dirname(path ?? DEFAULTS), environment);
}

/**
 * The same of what a file, or a part of one, holds.
 * @param folder of the file, where the paths in it begin
 */
export async function configOf(
  file: YamlFile,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<Config> {
  const defaults = await defaultSettings();
  const written = file.value ?? {};
  if (!isSection(written))
    throw faultAt({ ...file, field: [] }, "is not a mapping; expected settings such as `pools:`");
  const { pools: _, ...below } = defaults;
  const laid = layOver(below, byPresentNames(written));
  const { settings, variables } = layEnvironmentOver(laid, defaults, environment, takesNumber);
  const sourceOf: SourceOf = (field) => variables.get(field.join(".")) ?? file.sourceOf(field);
  const checked = checkShape(configSchema, settings, sourceOf);
  checkSettings(checked, sourceOf);

  const { tenant, tenants: named } = checked.admission;
  const folderOf = (field: readonly PropertyKey[]) => (variables.has(field.join(".")) ? "." : folder);
  const files = new NamedFiles(folderOf);
  const nowMs = Date.now();
  const accessTerms = { files, tenants: named, pools: checked.pools, nowMs };
  const keyed = await readAccess(checked.access, { sourceOf, field: ["access"] }, accessTerms);
  const tenants = Object.fromEntries(
    Object.entries({ ...named, ...keyed.tenants }).map(([name, own]) => [
      name,
      Object.assign({ ...tenant }, own),
    ]),
  );
  const notes = unknownVariables(environment, settingVariables(defaults), namedVariables(checked));
  notes.push(...keyed.notes);
  const tlsOf = (own: ServedPool["tls"], place: Place): TlsSettings | null => {
    const all = checked.upstream.tls;
    const placeOf = (name: keyof typeof all) => {
      const inPool = own !== undefined && (name in own || all[name] === null);
      return inside(inPool ? place : { sourceOf, field: ["upstream"] }, "tls", name);
    };
    return readTls(Object.assign({ ...all }, own), placeOf, files);
  };
  const pools = await readPools(
    checked.pools,
    { sourceOf, field: ["pools"] },
    { environment, folderOf, policy: checked.routing.policy, tlsOf, note: (line) => notes.push(line) },
  );
  checkPools(pools, checked.workers, sourceOf);
  const models = readModels(checked.models, pools, { sourceOf, field: ["models"] });
  const { operatorKeyEnv } = checked.http;
  const keyPlace: Place = { sourceOf, field: ["http", "operatorKeyEnv"] };
  const operatorKeyHash =
    operatorKeyEnv === null ? null : keyHash(readKey(operatorKeyEnv, keyPlace, environment));
  const { access } = keyed;
  const captureTerms = { workers: checked.workers, folder: folderOf(["capture", "directory"]) };
  const capture = readCapture(checked.capture, captureTerms, sourceOf, environment);
  notes.push(...captureNotes(capture));
  const picked = readPicker(checked.picker, pools, sourceOf, files);
  const known = { access, operatorKeyHash };
  const listeners = readListeners(checked.http, picked, known, files, sourceOf, nowMs);
  notes.push(...listeners.notes, ...pickerNotes(picked, pools));
  const telemetry = readTelemetry(checked.telemetry, variables, environment, (line) => notes.push(line));
  const { url, ...storeSettings } = checked.store;
  const store = { ...storeSettings, address: readStoreUrl(url, sourceOf(["store", "url"])) };
  checkExperts(pools, { store, control: checked.control }, sourceOf);
  return {
    ...checked,
    listenerTls: listeners.listenerTls,
    picker: picked,
    access,
    files: { names: files.names, watchMs: checked.access.watchFilesMs },
    admission: { ...checked.admission, tenants },
    operatorKeyHash,
    capture,
    telemetry,
    store,
    pools,
    models,
    notes,
  };
}

/** Variables that hold keys, by names of the person's own. */
function namedVariables({
  http,
  capture,
  pools,
}: {
  readonly http: { readonly operatorKeyEnv: string | null };
  readonly capture: { readonly saltEnv: string | null };
  readonly pools: readonly WrittenPool[];
}): ReadonlySet<string> {
  return new Set(
    [
      http.operatorKeyEnv,
      capture.saltEnv,
      ...pools.map((pool) => ("apiKeyEnv" in pool ? pool.apiKeyEnv : null)),
    ].filter((name) => typeof name === "string"),
  );
}

/** What config/default.yaml says, as it stands. */
export async function defaultSettings(): Promise<Section> {
  return (await readYaml(DEFAULTS)) as Section;
}
