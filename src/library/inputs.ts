import type { ExpertLoad } from "../model/load.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";

/** `[layers][experts]`: tokens routed to each expert; or the same in one array with its sizes. */
export type LoadInput = readonly ArrayLike<number>[] | ExpertLoad;

/** `[tokens][layers][topk]`: the experts that tokens chose, −1 for none; or the same in one array with its sizes. */
export type RoutingInput = readonly (readonly ArrayLike<number>[])[] | RoutingTrace;
