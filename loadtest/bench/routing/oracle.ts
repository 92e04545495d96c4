import type { EngineRequest, ModelEngine } from "./model-engine.ts";

/**
 * The engine where the request's first token would come soonest if nothing came after it, as only who knows every cache
 * and queue exactly can say; among equals the one that has most of it.
 * @param there 1 for engines that take requests
 */
export function oracleChoice(
  engines: readonly ModelEngine[],
  there: ArrayLike<number>,
  request: EngineRequest,
  nowMs: number,
): number {
  let chosen = -1;
  let soonest = Number.POSITIVE_INFINITY;
  let most = -1;
  for (const [i, engine] of engines.entries()) {
    if (there[i] === 0) continue;
    const firstMs = engine.firstTokenMs(request, nowMs);
    const cached = engine.cachedTokens(request);
    if (firstMs > soonest || (firstMs === soonest && cached <= most)) continue;
    chosen = i;
    soonest = firstMs;
    most = cached;
  }
  return chosen;
}
