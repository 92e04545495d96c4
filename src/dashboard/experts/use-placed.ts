import { useEffect, useRef, useState } from "preact/hooks";
import { repeatedly } from "../live/repeatedly.ts";
import type { Placed } from "./placed-experts.ts";

/** A rollout publishes many epochs, one soon after the other: not each is fetched. */
const EVERY_MS = 2000;

/**
 * Where a pool's experts are; null before it is known.
 * @param epoch the one in force
 */
export function usePlaced(pool: string, epoch: number, operatorKey: string | null): Placed | null {
  const [placed, setPlaced] = useState<{ readonly pool: string; readonly found: Placed } | null>(null);
  const inForce = useRef(epoch);
  inForce.current = epoch;
  useEffect(() => {
    let known: number | null = null;
    return repeatedly(EVERY_MS, async (signal) => {
      if (known === inForce.current) return;
      const found = await fetchPlaced(pool, operatorKey, signal).catch(() => null);
      if (found === null || signal.aborted) return;
      known = found.epoch;
      setPlaced({ pool, found });
    });
  }, [pool, operatorKey]);
  return placed?.pool === pool ? placed.found : null;
}

/** Null where an epoch came between the two answers. */
async function fetchPlaced(pool: string, key: string | null, signal: AbortSignal): Promise<Placed | null> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(new URL(`ep/v1/${path}`, document.baseURI), { headers, signal });
    if (!response.ok) throw new Error(`${response.status}`);
    return response.json();
  };
  const name = encodeURIComponent(pool);
  const [placement, shares] = (await Promise.all([
    ask(`placement/${name}?state=published`),
    ask(`shares/${name}`),
  ])) as [PlacementAnswer, SharesAnswer];
  if (placement.epoch !== shares.epoch) return null;
  return {
    epoch: placement.epoch,
    slotsPerGpu: placement.topology.slotsPerGpu,
    map: placement.physical_to_logical_map,
    shares: shares.shares,
  };
}

interface PlacementAnswer {
  readonly epoch: number;
  readonly topology: { readonly slotsPerGpu: number };
  readonly physical_to_logical_map: Placed["map"];
}

interface SharesAnswer {
  readonly epoch: number;
  readonly shares: Placed["shares"];
}
