import type { LocalitySettings } from "../../model/model-settings.ts";
import type { GroupSample } from "./group-learning.ts";
import type { Counted } from "./locality-tally.ts";
import type { LocalityLoad } from "./other-processes.ts";

/** What one process of a gateway has counted and seen of a model, for the one that counts for all. */
export interface LocalityShare {
  readonly model: string;
  readonly pools: readonly string[];
  readonly settings: LocalitySettings;
  readonly load: LocalityLoad;
  /** Since the last one. */
  readonly counted: Counted;
  readonly learned: number;
  readonly ignored: number;
  readonly samples: readonly GroupSample[];
}

/** Samples in a share. */
export const MOST_SAMPLES = 8;
