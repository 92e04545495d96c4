/** What a configuration says of one model that clients ask for. */
export interface ModelSettings {
  readonly name: string;
  /** Other names for it. */
  readonly aliases: readonly string[];
  /** The pools that serve it, each once; at least one. */
  readonly pools: readonly PoolShare[];
  /** Pools, else models, that serve its requests while none of `pools` can. */
  readonly fallback: readonly string[];
  /** Fields that requests get which leave them out. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly limits: ModelLimits;
  /** Where copies of its requests go; null for nowhere. */
  readonly shadow: ModelShadow | null;
  /** Whether requests go to the pool whose requests use alike experts; null where that is not asked. */
  readonly locality: LocalitySettings | null;
}

/** How requests go by their experts. */
export interface LocalitySettings {
  /** `shadow` works out where they would go, and sends them as without. */
  readonly mode: "shadow" | "on";
  /** Of the sessions, 0 to 100; the rest is routed as without. */
  readonly percent: number;
  /** All requests by experts, then none, and so on, for so long each; null to go by `percent`. */
  readonly switchbackMinutes: number | null;
  /** Of the mean of the pools, over 0: how much fuller one may be. */
  readonly loadBand: number;
}

export interface ModelShadow {
  readonly pool: string;
  /** What the model is called there. */
  readonly model: string;
  /** Of the requests, over 0 to 1. */
  readonly part: number;
}

export interface PoolShare {
  readonly pool: string;
  /** What the model is called there. */
  readonly model: string;
  /** Its part of the requests, in proportion to the others'; null where all go by load. */
  readonly weight: number | null;
  /** Headers, by names in small letters, with the values that ask for this pool: all of them; empty for none. */
  readonly header: Readonly<Record<string, string>>;
}

/** Of one request; 0 for no limit. */
export interface ModelLimits {
  /** Tokens that it may ask for. */
  readonly maxTokens: number;
  /** Tokens of its prompt, as they are estimated. */
  readonly maxInputTokens: number;
}
