import { InputError } from "../../../lib/errors.ts";
import { list, nullOr, number, orElse, record, type Shape, text, whole } from "../../../lib/shape.ts";
import type { ScenarioChange, ScenarioEvent } from "../../../model/load-scenario.ts";
import { shownUrl, type Target } from "../../../replay/target.ts";

const TIMEOUT_MS = 30_000;

/** A pool of experts, as `GET /admin/state` has it. */
export interface ServerPool {
  readonly pool: string;
  readonly deployment: { readonly kind: string };
  readonly control: {
    readonly balancedness: number | null;
    readonly ranks: readonly string[];
    readonly missing: readonly unknown[];
  } | null;
}

const poolShape: Shape<ServerPool> = record<ServerPool>({
  pool: text,
  deployment: record({ kind: text }),
  control: nullOr(
    record({
      balancedness: orElse(nullOr(number()), null),
      ranks: list(text),
      missing: list((value: unknown) => value),
    }),
  ),
});
const stateShape = record({ pools: list(poolShape) });
const simulationShape = record({ lost: list(whole()) });

/** One that is done at once. */
export type SimpleChange = Exclude<ScenarioChange, { readonly kind: "restart" }>;

/** What a scenario asks of its server beside requests: how its pools are, and to do things to them. */
export class ScenarioServer {
  readonly #base: URL;
  readonly #shown: string;

  constructor({ url }: Target) {
    this.#base = new URL(url.origin);
    this.#shown = shownUrl(url);
  }

  /** Null where it is no Plimsoll, or does not answer its operators from here. */
  async pools(): Promise<readonly ServerPool[] | null> {
    try {
      const response = await this.#fetch("/admin/state", { method: "GET" });
      return response.ok ? stateShape(await response.json(), "").pools : null;
    } catch {
      return null;
    }
  }

  /** Ranks of a simulated pool that have stopped. */
  async stopped(pool: string): Promise<readonly number[]> {
    const response = await this.#fetch(`/admin/pools/${encodeURIComponent(pool)}/simulation`, {
      method: "GET",
    });
    return simulationShape(await response.json(), "").lost;
  }

  /** @throws Error where it was not done */
  async carryOut(change: SimpleChange, pool: string): Promise<void> {
    const at = `/admin/pools/${encodeURIComponent(pool)}`;
    const order = change.kind === "drain" || change.kind === "undrain";
    const path = order ? `${at}/ranks/${change.rank}/${change.kind}` : `${at}/simulation`;
    const response = await this.#fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(order ? {} : bodyOf(change)),
    });
    const said = await response.text();
    if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${reasonOf(said)}`);
  }

  /**
   * The pool that each event is for.
   * @throws InputError where the server has no such pool, or it no such rank
   */
  placesOf(events: readonly ScenarioEvent[], pools: readonly ServerPool[] | null): readonly string[] {
    if (events.length === 0) return [];
    const simulated = (pools ?? []).filter(({ deployment }) => deployment.kind === "simulated");
    if (simulated.length === 0) throw this.#fault("has no simulated pool that this machine may change");
    return events.map(({ pool: name, change }) => {
      const pool = name === null ? simulated[0] : simulated.find((one) => one.pool === name);
      if (pool === undefined) throw this.#fault(`has no simulated pool ${JSON.stringify(name)}`);
      const ranks = pool.control?.ranks.length ?? 0;
      const missing = ranksOf(change).find((rank) => rank >= ranks);
      if (missing !== undefined)
        throw this.#fault(`has ${ranks} ranks in pool ${pool.pool}, and an event is for rank ${missing}`);
      return pool.pool;
    });
  }

  /** What the scenario wants and the server has not. */
  fault(what: string): InputError {
    return this.#fault(what);
  }

  #fault(what: string): InputError {
    return new InputError(
      "--url",
      this.#shown,
      `${what}; leave --url out to start the scenario's own gateway, or start one with \`demo --scenario\``,
    );
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.#base), {
      ...init,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }
}

function ranksOf(change: ScenarioChange): readonly number[] {
  if (change.kind === "restart") return change.ranks;
  return "rank" in change ? [change.rank] : [];
}

function bodyOf(change: SimpleChange): Record<string, unknown> {
  if (change.kind === "shift") return { shift: true };
  if (change.kind === "slow") return { slow: { rank: change.rank, factor: change.factor } };
  return { [change.kind]: change.rank };
}

function reasonOf(body: string): string {
  try {
    const { error } = JSON.parse(body) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === "string" ? error.message : "no reason";
  } catch {
    return "no reason";
  }
}
