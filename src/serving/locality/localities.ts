import type { ModelSettings } from "../../model/model-settings.ts";
import { signatureShape } from "../../routing/locality/signature-shape.ts";
import { hashText } from "../../routing/block-hashes.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { Moved } from "./moved.ts";
import { ModelLocality, type ModelLocalityOptions } from "./model-locality.ts";

type Makings = Omit<ModelLocalityOptions, "shape" | "seed">;

/** Where the routes of models find how their requests go by experts. */
export interface LocalitySource {
  /** Null where a model's requests do not go by experts. */
  of(settings: ModelSettings, pools: readonly ServingPool[]): ModelLocality | null;
  /** All others are asked for no more. */
  keep(those: readonly ModelLocality[]): void;
}

/** The localities of all models: each goes on, over reloads, for as long as its pools are the same and it is not off. */
export class Localities implements LocalitySource {
  readonly #makings: Makings;
  readonly #models = new Map<string, ModelLocality>();

  constructor(makings: Makings) {
    this.#makings = makings;
  }

  /** Null where a model's requests do not go by experts, or none of its pools says which there are. */
  of({ name, locality: settings }: ModelSettings, pools: readonly ServingPool[]): ModelLocality | null {
    const moe = pools.map(({ moe: own }) => own).find((one) => one !== null) ?? null;
    if (settings === null || moe === null) return null;
    const before = this.#models.get(name);
    if (before?.fits(pools, moe) === true) {
      before.update(pools, settings);
      return before;
    }
    const shape = signatureShape(moe.moeLayers.length, moe.experts, moe.topk);
    const fresh = new ModelLocality(name, moe, pools, settings, {
      ...this.#makings,
      shape,
      // A session's arm is the same after a restart, and at every gateway.
      seed: hashText(name),
    });
    this.#models.set(name, fresh);
    return fresh;
  }

  /** For other routes of the same models: those that go to all of the same pools, in their order, share what there is. */
  get shared(): LocalitySource {
    return {
      of: ({ name }, pools) => {
        const found = this.find(name);
        return found?.fits(pools, found.moe) === true ? found : null;
      },
      keep: () => {},
    };
  }

  /** Forgets all but these. */
  keep(those: readonly ModelLocality[]): void {
    for (const [name, one] of this.#models) if (!those.includes(one)) this.#models.delete(name);
  }

  get all(): Iterable<ModelLocality> {
    return this.#models.values();
  }

  find(model: string): ModelLocality | null {
    return this.#models.get(model) ?? null;
  }

  /**
   * What requests in flight of this process would hold more, by experts, than they do, of each pool of each model; below
   * 0 for less. Of models that nothing is moved of nothing is said.
   */
  moved(): Moved {
    const moved = new Map<string, ReadonlyMap<string, number>>();
    for (const { model, names, choice } of this.all) {
      const more = names.map((name, i) => [name, choice.would[i] - choice.went[i]] as const);
      if (more.some(([, tokens]) => tokens !== 0)) moved.set(model, new Map(more));
    }
    return moved;
  }

  /** The same of all other processes together. */
  setMoved(moved: Moved): void {
    for (const { model, names, choice } of this.all) {
      const ofModel = moved.get(model);
      for (const [i, name] of names.entries()) choice.moved[i] = ofModel?.get(name) ?? 0;
    }
  }
}
