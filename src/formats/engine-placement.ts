import { InputError } from "../lib/errors.ts";
import { fillSlots, heldTwice } from "../model/filled-slots.ts";
import { type Placement, gpusInService } from "../model/placement.ts";
import { gpuCount } from "../model/topology.ts";

/** A placement that an engine can load. */
export interface EnginePlacement {
  readonly placement: Placement;
  /** What was changed for it, for people; null for nothing. */
  readonly change: string | null;
}

/** What engines can load. */
export interface EngineLimits {
  readonly engine: string;
  /** Whether a GPU may hold an expert twice. */
  readonly twice: boolean;
}

/**
 * Makes a placement one that an engine can load: none of their files can leave a slot empty, and every rank of theirs
 * holds experts.
 * @throws InputError where that cannot be
 */
export function forEngine(
  placement: Placement,
  { engine, twice }: EngineLimits,
  source: string,
): EnginePlacement {
  const serving = new Set(gpusInService(placement));
  for (let gpu = 0; gpu < gpuCount(placement.topology); gpu++) {
    if (serving.has(gpu)) continue;
    const hint = `holds nothing, but every rank of ${engine} holds experts; place on the GPUs that it starts with`;
    throw new InputError(source, `GPU ${gpu}`, hint);
  }
  const doubled = twice ? null : heldTwice(placement);
  if (doubled !== null) {
    const { row, gpu, expert } = doubled;
    const hint = `has expert ${expert} twice on GPU ${gpu}, which ${engine} cannot load; place with the algorithm plimsoll`;
    throw new InputError(source, `row ${row}`, hint);
  }
  const full = fillSlots(placement, twice);
  if (full === null) {
    throw new InputError(
      source,
      "",
      `has more slots on a GPU than experts, which ${engine} cannot load; give it fewer`,
    );
  }
  return { placement: full.placement, change: say(full.filled, full.drawing) };
}

function say(filled: number, drawing: number): string | null {
  if (filled === 0) return null;
  const empty = `${filled} empty slots hold another replica`;
  if (drawing === 0)
    return `${empty} of an expert that only their GPU holds: what each GPU gets stays as it is`;
  return `${empty}; ${drawing} of them of an expert of other GPUs, of whose tokens they get a part`;
}
