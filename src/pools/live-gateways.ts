import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/config.ts";
import { Rng } from "../lib/rng.ts";
import type { FlightDeck } from "../serving/flight/flight-deck.ts";
import { RetryBudget } from "../serving/flight/retry-budget.ts";
import { Gateway } from "../serving/gateway.ts";
import type { Localities, LocalitySource } from "../serving/locality/localities.ts";
import type { ModelRefresh } from "../serving/models/model-refresh.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type { OpenPool } from "./open-pool.ts";

/** What all gateways of a process share, whatever is reloaded. */
export interface GatewayParts {
  /** Those there are now. */
  readonly pools: () => readonly OpenPool[];
  readonly deck: Pick<
    FlightDeck,
    "admission" | "meter" | "capture" | "ends" | "clock" | "onShadowPair" | "onFault"
  >;
  readonly localities: Localities;
  readonly refresh: ModelRefresh;
  readonly counting: Counting;
  readonly wallClock: () => number;
  readonly onNotice: (line: string) => void;
}

/** What is counted from its first occurrence on is told beforehand, so that it begins at zero. */
export interface Counting {
  beginPool(pool: ServingPool): void;
  /** @param pools more than one, that requests of the model may go to */
  beginChoices(model: string, pools: readonly string[]): void;
  /** @param pool gets copies of the model's requests */
  beginShadow(model: string, pool: string): void;
  /** @param pool that the endpoint picker picks for; empty for requests of none */
  beginPicks(pool: string): void;
}

/** The gateways that take requests now: that of clients, and the endpoint picker's. A reload puts others in their places. */
export class LiveGateways {
  readonly #parts: GatewayParts;
  #clients: Gateway;
  #picker: Gateway;
  #picked: readonly string[];

  constructor(config: Config, parts: GatewayParts) {
    this.#parts = parts;
    const { clock } = parts.deck;
    this.#picked = config.picker?.pools ?? [];
    this.#clients = this.#ofClients(config, new RetryBudget(config.retry, clock.now()));
    this.#picker = this.#ofPicker(config);
    parts.pools().forEach(({ front }) => parts.counting.beginPool(front));
    this.#beginCounting(config);
  }

  get clients(): Gateway {
    return this.#clients;
  }

  /** Over those pools that the endpoint picker picks for. */
  get picker(): Gateway {
    return this.#picker;
  }

  /** @param fresh pools that were opened for it */
  reload(next: Config, fresh: readonly OpenPool[]): void {
    const { counting, deck } = this.#parts;
    fresh.forEach(({ front }) => counting.beginPool(front));
    const before = this.#clients;
    const { retry, retryBudget } = before.deck;
    const same = isDeepStrictEqual(next.retry, retry);
    this.#clients = this.#ofClients(next, same ? retryBudget : new RetryBudget(next.retry, deck.clock.now()));
    this.#clients.resume(before);
    const pickedBefore = this.#picker;
    // Without a word of it in a reload, those it had.
    this.#picked = next.picker?.pools ?? this.#picked;
    this.#picker = this.#ofPicker(next);
    this.#picker.resume(pickedBefore);
    this.#beginCounting(next);
  }

  #ofClients(config: Config, retryBudget: RetryBudget): Gateway {
    const { pools, deck, localities, wallClock } = this.#parts;
    const {
      retry,
      hedge,
      admission: { retryAfterSeconds },
    } = config;
    const rng = new Rng(wallClock());
    return this.#over(
      pools().map(({ front }) => front),
      { ...deck, retry, retryBudget, hedge, retryAfterSeconds, rng },
      config,
      localities,
    );
  }

  #ofPicker(config: Config): Gateway {
    const { pools, localities } = this.#parts;
    const picked = pools().filter(({ name }) => this.#picked.includes(name));
    const fronts = picked.map(({ front }) => front);
    return this.#over(fronts, this.#clients.deck, config, localities.shared);
  }

  #over(
    fronts: readonly ServingPool[],
    deck: FlightDeck,
    { models, routing: { prefixIndexBytes } }: Config,
    localities: LocalitySource,
  ): Gateway {
    const { refresh, wallClock, onNotice } = this.#parts;
    const makings = { models, prefixIndexBytes, rng: new Rng(wallClock()), localities };
    return new Gateway(fronts, deck, makings, refresh, onNotice);
  }

  #beginCounting({ picker }: Config): void {
    const { counting } = this.#parts;
    for (const { model, pools, fallback, shadow } of this.#clients.choices) {
      const names = [...pools.map(({ pool }) => pool), ...fallback];
      if (names.length > 1) counting.beginChoices(model, names);
      if (shadow !== null) counting.beginShadow(model, shadow);
    }
    if (picker !== null) ["", ...picker.pools].forEach((name) => counting.beginPicks(name));
  }
}
