import { shippedGpus } from "../../config/gpus/load-gpu.ts";
import { shippedModels } from "../../config/shapes.ts";
import type { Gpu } from "../../model/gpu.ts";
import type { MoeModel } from "../../model/moe-model.ts";

/** Letters that two names must share at their beginning to be taken for versions of one thing. */
const ALIKE = 4;

/** The models and GPUs that a row may name. */
export class Catalogue {
  readonly #models: readonly MoeModel[];
  readonly #gpus: readonly Gpu[];

  constructor(models: readonly MoeModel[], gpus: readonly Gpu[]) {
    this.#models = models;
    this.#gpus = gpus;
  }

  static async shipped(): Promise<Catalogue> {
    return new Catalogue(await shippedModels(), await shippedGpus());
  }

  get gpuNames(): readonly string[] {
    return this.#gpus.map(({ name }) => name);
  }

  /** The model of this name, whoever publishes it and whatever follows its version; null where none is alike. */
  model(written: string): MoeModel | null {
    return nearest(written, this.#models);
  }

  /** Whether a name is the model's own, or a version's of it. */
  static isNamed(written: string, { name }: MoeModel): boolean {
    const [word, own] = [plain(written.slice(written.lastIndexOf("/") + 1)), plain(name)];
    return word.startsWith(own) || own.startsWith(word);
  }

  /** The GPU that a system has: `h100_sxm`, `GB200 NVL72`. */
  gpu(written: string): Gpu | null {
    const word = plain(written);
    const named = this.#gpus.filter(({ name }) => word.includes(name));
    // `gb200` holds `b200` too.
    return named.reduce<Gpu | null>(
      (best, gpu) => (best === null || gpu.name.length > best.name.length ? gpu : best),
      null,
    );
  }
}

function nearest(written: string, models: readonly MoeModel[]): MoeModel | null {
  const word = plain(written.slice(written.lastIndexOf("/") + 1));
  let best: MoeModel | null = null;
  let most = ALIKE - 1;
  for (const model of models) {
    const name = plain(model.name);
    const shared = sharedStart(word, name);
    const exact = name === word ? 1000 : 0;
    // Of names that share as much, the shortest: `kimi-k2` before `kimi-k2-thinking`.
    const score = exact + shared - name.length / 1000;
    if (shared >= ALIKE && score > most) {
      most = score;
      best = model;
    }
  }
  return best;
}

function sharedStart(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}
