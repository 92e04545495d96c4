import type { Engine } from "../serving/engine.ts";

/** What is made of engines, which are closed where that fails. @throws what `make` throws */
export function orClosed<T>(engines: readonly Engine[], make: () => T): T {
  try {
    return make();
  } catch (error) {
    for (const engine of engines) void engine.close();
    throw error;
  }
}
