/**
 * Plimsoll's core as a library: `import { place, solveShares, planDispatch } from "plimsoll"`. Pure functions, of no other
 * package: plain data in, typed arrays out, the same for the same input.
 */
export { InputError } from "../lib/errors.ts";
export { type NewPlacement, type PlaceOptions, type PlaceResult, place } from "./place.ts";
export { type SharesOptions, type SharesResult, solveShares } from "./solve-shares.ts";
export { type DispatchOptions, type DispatchResult, planDispatch } from "./plan-dispatch.ts";
export type { LoadInput, RoutingInput } from "./inputs.ts";
export type { Certificate } from "../model/certificate.ts";
export type { ConsumerDispatch } from "../model/consumer-dispatch.ts";
export type { DispatchFigures } from "../core/dispatch/dispatch-totals.ts";
export type { DispatchPolicy } from "../model/dispatch-policy.ts";
export type { ExpertLoad } from "../model/load.ts";
export type { MoveWay } from "../model/move-way.ts";
export type { Placement } from "../model/placement.ts";
export type { RoutingTrace } from "../model/routing-trace.ts";
export type { Topology } from "../model/topology.ts";
