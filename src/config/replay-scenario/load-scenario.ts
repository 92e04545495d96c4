import { dirname, resolve } from "node:path";
import { InputError } from "../../lib/errors.ts";
import type { LoadScenario, LoadStream, RequestSelection } from "../../model/load-scenario.ts";
import { checkShape } from "../check-shape.ts";
import type { Config } from "../config.ts";
import { layOver } from "../layers.ts";
import { configOf } from "../load-config.ts";
import { faultAt, inside, type Place } from "../place.ts";
import { isSection } from "../section.ts";
import { readYamlFile, type YamlFile } from "../yaml-file.ts";
import { readEvents } from "./read-events.ts";
import { scenarioSchema, type WrittenScenario, type WrittenSelection, type WrittenStream } from "./schema.ts";

/**
 * Reads the scenario of a load test (YAML).
 * @param short with what the file says for a short run laid over it
 * @throws InputError naming the file, the line, the field and what to change
 */
export async function loadReplayScenario(path: string, short: boolean): Promise<LoadScenario> {
  const file = await readScenarioFile(path, short);
  return scenarioOf(checkShape(scenarioSchema, file.value, file.sourceOf), file);
}

/**
 * The gateway that a scenario is meant for, with its pools, on a free port of this machine. What the environment says
 * changes nothing: the same file is the same test.
 * @throws InputError
 */
export async function loadScenarioGateway(path: string, short: boolean): Promise<Config> {
  const { value, sourceOf } = await readScenarioFile(path, short);
  const { gateway } = checkShape(scenarioSchema, value, sourceOf);
  if (gateway === undefined)
    throw new InputError(
      path,
      "gateway",
      "is missing; expected the gateway's settings, or start one and give --url",
    );
  const at = (field: readonly PropertyKey[]) => sourceOf(["gateway", ...field]);
  const config = await configOf({ value: gateway, sourceOf: at }, resolve(dirname(path)), {});
  return { ...config, http: { ...config.http, host: "127.0.0.1", port: 0 } };
}

async function readScenarioFile(path: string, isShort: boolean): Promise<YamlFile> {
  const { value, sourceOf } = await readYamlFile(path);
  if (!isSection(value))
    throw new InputError(path, "", "is not a mapping; expected settings such as `load:`");
  if (value["durationSeconds"] !== undefined)
    throw new InputError(
      path,
      "",
      "is a scenario of `simulate`; run that, or name one of a load test, with `load:` and `duration:`",
    );
  const { short = {}, ...whole } = value;
  if (!isSection(short))
    throw faultAt(
      { sourceOf, field: ["short"] },
      "is not a mapping; expected settings to put over the others",
    );
  if (!isShort) return { value: whole, sourceOf };
  const source = (field: readonly PropertyKey[]) =>
    sourceOf(isThere(short, field) ? ["short", ...field] : field);
  return { value: layOver(whole, short), sourceOf: source };
}

function isThere(value: unknown, [key, ...more]: readonly PropertyKey[]): boolean {
  if (key === undefined) return true;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return false;
  return isThere((value as Record<PropertyKey, unknown>)[key], more);
}

function scenarioOf(written: WrittenScenario, { sourceOf }: YamlFile): LoadScenario {
  const top: Place = { sourceOf, field: [] };
  const { duration: durationMs, warmUp: warmUpMs = 0 } = written;
  if (durationMs <= warmUpMs)
    throw faultAt(
      inside(top, "duration"),
      "is no more than `warmUp`; expected a time in which requests count",
    );
  const names = Object.keys(written.load);
  if (names.length === 0)
    throw faultAt(
      inside(top, "load"),
      "is empty; expected streams, as in `chat: { rate: 4, isl: 500, osl: 100 }`",
    );
  const streams = names.map((name) =>
    readStream(name, written.load[name], durationMs, inside(top, "load", name)),
  );
  const selectionOf = (selection: WrittenSelection, place: Place): RequestSelection => {
    const { from: fromMs = warmUpMs, to: toMs = durationMs, stream = null } = selection;
    if (fromMs >= toMs || toMs > durationMs)
      throw faultAt(
        place,
        `is from ${fromMs / 1000} s to ${toMs / 1000} s; expected a part of the run's ${durationMs / 1000} s`,
      );
    if (stream !== null && !names.includes(stream))
      throw faultAt(
        inside(place, "stream"),
        `is ${JSON.stringify(stream)}; expected one of ${names.join(", ")}`,
      );
    return { fromMs, toMs, tenant: selection.tenant ?? null, stream, shard: selection.shard ?? null };
  };
  return {
    title: written.title,
    shows: written.shows,
    durationMs,
    warmUpMs,
    streams,
    events: readEvents(written.events ?? [], durationMs, inside(top, "events")),
    thresholds: (written.thresholds ?? []).map(({ that, against, ...of }, i) => {
      const place = inside(top, "thresholds", i);
      return {
        that,
        of: selectionOf(of, place),
        against: against === undefined ? null : selectionOf(against, inside(place, "against")),
        place: sourceOf(place.field),
      };
    }),
    goodput: written.goodput === undefined ? [] : [written.goodput],
    retries: written.retries ?? 0,
  };
}

function readStream(name: string, written: WrittenStream, durationMs: number, place: Place): LoadStream {
  const { rate, burst, burstiness = 1, from: fromMs = 0, to: toMs = durationMs } = written;
  if ((rate === undefined) === (burst === undefined))
    throw faultAt(
      place,
      `has ${rate === undefined ? "neither `rate` nor `burst`" : "`rate` and `burst`"}; expected one of them`,
    );
  if (burst !== undefined && written.burstiness !== undefined)
    throw faultAt(inside(place, "burstiness"), "is of a rate; remove it, or give `rate` in place of `burst`");
  if (fromMs >= toMs || fromMs >= durationMs)
    throw faultAt(
      place,
      `goes from ${fromMs / 1000} s to ${toMs / 1000} s; expected some time within the run's ${durationMs / 1000} s`,
    );
  return {
    name,
    fromMs,
    toMs,
    arrivals:
      burst === undefined
        ? { kind: "rate", curve: rate ?? [], burstiness }
        : { kind: "burst", requests: burst },
    input: written.isl,
    output: written.osl,
    tenant: written.tenant ?? null,
    priority: written.priority ?? null,
  };
}
