import type { SimulatedPoolParts } from "../engines/simulated/simulated-pool.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type { ControlHalf } from "./control-half.ts";
import { type LoadSources, PoolLinks } from "./pool-links.ts";
import type { ServingHalf } from "./serving-half.ts";
import type { PoolMakings } from "./surroundings.ts";

/** One pool: a half that serves, a half that decides where there is one, and what passes between them. */
export class OpenPool {
  readonly name: string;
  readonly servingHalf: ServingHalf;
  /** Null where nothing reports the load of its experts, and where another process decides. */
  readonly controlled: ControlHalf | null;
  readonly #sources: string;
  readonly #links: PoolLinks | null;

  constructor(
    name: string,
    serving: ServingHalf,
    control: ControlHalf | null,
    sources: LoadSources | null,
    makings: PoolMakings,
  ) {
    this.name = name;
    this.servingHalf = serving;
    this.controlled = control;
    this.#sources = sourcesText(sources);
    this.#links = control === null ? null : new PoolLinks(serving, control, sources, makings);
  }

  get serving(): readonly ServingPool[] {
    return this.servingHalf.serving;
  }

  /** The part of it that answers clients. */
  get front(): ServingPool {
    return this.servingHalf.front;
  }

  get simulated(): SimulatedPoolParts | null {
    return this.servingHalf.simulated;
  }

  /** Whether it consists of just these. */
  is(serving: ServingHalf, control: ControlHalf | null, sources: LoadSources | null): boolean {
    return (
      serving === this.servingHalf && control === this.controlled && sourcesText(sources) === this.#sources
    );
  }

  /** Its halves have started. */
  link(): void {
    this.#links?.start();
  }

  /** Its halves may go on in another. */
  async unlink(): Promise<void> {
    await this.#links?.stop();
  }
}

function sourcesText(sources: LoadSources | null): string {
  if (sources === null) return "";
  const { servers, apiKey, recorder, routedExperts } = sources;
  return JSON.stringify(recorder === null ? { routedExperts } : { servers, apiKey, recorder, routedExperts });
}
