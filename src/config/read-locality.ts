import type { LocalitySettings, PoolShare } from "../model/model-settings.ts";
import type { PoolConfig } from "./config.ts";
import type { WrittenModel } from "./model-schema.ts";
import { type Place, faultAt, inside } from "./place.ts";

const DEFAULT_BAND = 0.05;
const ALL = 100;

/**
 * How a model's requests go by their experts.
 * @param shares the pools that serve the model
 * @param place where it is written
 * @returns null where it is off
 * @throws InputError where nothing could ever be known of experts
 */
export function readLocality(
  { mode, percent, switchbackMinutes, loadBand = DEFAULT_BAND }: NonNullable<WrittenModel["locality"]>,
  shares: readonly PoolShare[],
  pools: readonly PoolConfig[],
  place: Place,
): LocalitySettings | null {
  if (mode === "off") return null;
  if (switchbackMinutes !== undefined && (percent !== undefined || mode === "shadow"))
    throw faultAt(
      inside(place, "switchbackMinutes"),
      mode === "shadow"
        ? "is for `mode: on`; in the shadow nothing is switched"
        : "divides by time, and `percent` by session; expected one of the two",
    );
  if (percent !== undefined && mode === "shadow")
    throw faultAt(inside(place, "percent"), "is for `mode: on`; the shadow looks at all requests");
  if (shares.length < 2) throw faultAt(place, "needs several pools to choose from; the model has one");
  checkExperts(shares, pools, place);
  return {
    mode,
    percent: percent ?? ALL,
    switchbackMinutes: switchbackMinutes ?? null,
    loadBand,
  };
}

/** Pools that have experts have the same, and one of them says which its answers used. */
function checkExperts(shares: readonly PoolShare[], pools: readonly PoolConfig[], place: Place): void {
  const serving = shares.flatMap(({ pool: name }) => pools.find((pool) => pool.name === name) ?? []);
  const groups = serving.flatMap((pool) => {
    if (pool.kind === "disaggregated" || pool.experts === null) return [];
    const says = pool.kind === "simulated" || pool.routedExperts > 0;
    return [{ name: pool.name, says, model: pool.experts.model }];
  });
  if (!groups.some(({ says }) => says))
    throw faultAt(
      place,
      "needs a pool whose answers name the experts of their tokens; expected `experts: { routedExperts: … }` above 0 at one",
    );
  const [first] = groups;
  const other = groups.find(
    ({ model }) =>
      model.experts !== first.model.experts ||
      model.topk !== first.model.topk ||
      model.moeLayers.length !== first.model.moeLayers.length,
  );
  if (other !== undefined)
    throw faultAt(
      place,
      `has the experts of ${first.model.name} in pool "${first.name}", and those of ${other.model.name} in "${other.name}"; expected one model`,
    );
}
