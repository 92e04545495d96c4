import {
  type ProblemNames,
  checkCapacity,
  checkLoaded,
  checkTopology,
} from "../core/planning/check-problem.ts";
import { solvePlacement } from "../core/planning/solve-placement.ts";
import { int32Copy } from "../lib/readonly-arrays.ts";
import type { Certificate } from "../model/certificate.ts";
import { CONSUMER_DISPATCHES, type ConsumerDispatch } from "../model/consumer-dispatch.ts";
import type { MoveWay } from "../model/move-way.ts";
import type { Placement } from "../model/placement.ts";
import type { Topology } from "../model/topology.ts";
import type { LoadInput } from "./inputs.ts";
import { InputReader } from "./read-inputs.ts";

export interface PlaceOptions {
  /** Tokens routed to each expert of each layer, finite and ≥ 0; at least one in all. */
  readonly load: LoadInput;
  readonly topology: Topology;
  /** Expert groups of the gate (1): each is kept on few nodes, as far as balance allows. */
  readonly groups?: number;
  /** How the engine splits an expert's tokens over its replicas (`shares`): the placement is made and judged by it. */
  readonly dispatch?: ConsumerDispatch;
  /** `[gpus]`: usable slots of each GPU per layer, 0 to `slotsPerGpu`; all of them where it is left out. */
  readonly gpuSlots?: readonly number[];
  /** `[gpus]`: how fast each computes relative to the others, > 0; 1 where it is left out. */
  readonly gpuSpeeds?: readonly number[];
  /** Numbers of GPUs that are to hold nothing. */
  readonly outOfService?: readonly number[];
  /** The placement in force, to be adapted by few moves. It may be of a pool of another size: ranks keep their numbers. */
  readonly previous?: Placement;
  /** With `previous`: slots that may change, over all layers; what must change for every expert to be there does anyway. */
  readonly maxMoves?: number;
}

const FIELDS = [
  "load",
  "topology",
  "groups",
  "dispatch",
  "gpuSlots",
  "gpuSpeeds",
  "outOfService",
  "previous",
  "maxMoves",
];

/** A placement that is the caller's own. */
export interface NewPlacement extends Placement {
  /** `[layers][slots]`, slots GPU-major: the logical expert of each slot; −1 is an empty one. */
  readonly physicalToLogical: Int32Array;
}

export interface PlaceResult {
  readonly placement: NewPlacement;
  /** `[layers][slots]`: the fraction of its expert's tokens that a slot gets; an expert's shares sum to 1. */
  readonly shares: Float64Array;
  /** How level it is on the load, and how level any placement could be; GPU loads in tokens (÷ speed). */
  readonly certificate: Certificate;
  readonly moves: {
    /** Slots that hold another expert than in `previous`, over all layers; 0 without one. */
    readonly slots: number;
    /** Of these, those without which experts would be missing. */
    readonly necessary: number;
    readonly way: MoveWay;
  };
  /** Layers without a token: they keep what they have, or have every expert alike. */
  readonly idleLayers: readonly number[];
}

/**
 * Says which experts have replicas and on which GPUs, so that the fullest GPU of every layer has as little as possible,
 * and how an expert's tokens are shared among its replicas: what the command `place` does.
 * @throws InputError naming the field at fault
 */
export function place(options: PlaceOptions): PlaceResult {
  const read = new InputReader("place");
  read.known(options, FIELDS);
  const load = read.load(options.load);
  checkLoaded(load, "place: load");
  const topology = read.topology(options.topology, "topology");
  const groups = read.whole(options.groups ?? 1, "groups", 1);
  const dispatch = read.oneOf(options.dispatch ?? "shares", "dispatch", CONSUMER_DISPATCHES);
  const names: ProblemNames = {
    slotsPerGpu: "topology.slotsPerGpu",
    groups: "groups",
    gpuSlots: "gpuSlots",
    gpuSpeeds: "gpuSpeeds",
    outOfService: "outOfService",
    refusal: (name, hint) => read.fault(name, hint),
  };
  checkTopology(topology, groups, load, names);
  const { gpuSlots, gpuSpeeds, outOfService } = options;
  const differences = {
    gpuSlots: gpuSlots && read.wholes(gpuSlots, "gpuSlots", 0),
    gpuSpeeds: gpuSpeeds && [...read.amounts(gpuSpeeds, "gpuSpeeds", null)],
    outOfService: outOfService && read.wholes(outOfService, "outOfService", 0),
  };
  const capacity = checkCapacity(differences, topology, load, names);
  const previous = options.previous === undefined ? null : read.placement(options.previous, "previous");
  if (previous !== null && (previous.layers !== load.layers || previous.experts !== load.experts)) {
    const has = `has ${previous.layers} layers of ${previous.experts} experts`;
    throw read.fault("previous", `${has}; expected the load's ${load.layers} of ${load.experts}`);
  }
  if (options.maxMoves !== undefined && previous === null)
    throw read.fault("maxMoves", "counts from a placement in force; give it with previous");
  const maxMoves = options.maxMoves === undefined ? null : read.whole(options.maxMoves, "maxMoves", 0);
  const solution = solvePlacement({
    load,
    topology,
    capacity,
    groups,
    algorithm: "plimsoll",
    dispatch,
    activation: null,
    routing: null,
    previous,
    maxMoves,
    model: null,
  });
  const { placement, shares, certificate, moves, necessary, idle } = solution;
  return {
    placement: { ...placement, physicalToLogical: int32Copy(placement.physicalToLogical) },
    shares,
    certificate,
    moves: { slots: moves.slots, necessary, way: moves.way },
    idleLayers: idle,
  };
}
