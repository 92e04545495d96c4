import { InputError } from "../lib/errors.ts";
import type { ConsumerDispatch } from "../model/consumer-dispatch.ts";
import type { Topology } from "../model/topology.ts";
import type { WrittenTopology } from "./place-topology.ts";

/** What `place` was asked for; what was not given is undefined where it depends on others whether it has an effect. */
export interface PlaceOptions extends WrittenTopology {
  readonly load: string;
  readonly gpuSlots?: readonly number[];
  readonly gpuSpeeds?: readonly number[];
  readonly outOfService?: readonly number[];
  readonly groups: number;
  readonly algorithm: "plimsoll" | "eplb";
  readonly dispatch: ConsumerDispatch;
  readonly model?: string;
  readonly previous?: string;
  readonly maxMoves?: number;
  readonly objective: "tokens" | "activation";
  readonly batchTokens?: number;
  readonly routing?: string;
  readonly hopWeight?: number;
  readonly out: string;
  readonly json?: true;
}

/** @throws InputError for an option that has no effect beside the others */
export function refuseWithoutEffect(options: PlaceOptions, nodes: number): void {
  const { algorithm, dispatch, groups, routing, previous, maxMoves, hopWeight, batchTokens, objective } =
    options;
  const refuse = (flag: string, hint: string): never => {
    throw new InputError(flag, "", hint);
  };
  if (maxMoves !== undefined && previous === undefined)
    refuse("--max-moves", "counts from a placement in force; give it with --previous");
  if (batchTokens !== undefined && objective !== "activation")
    refuse("--batch-tokens", "is the size of decode batches; give it with --objective activation");
  if (objective === "activation" && dispatch !== "shares")
    refuse("--objective activation", "is served by whole shares; leave out --dispatch");
  if (routing !== undefined && (dispatch === "even" || dispatch === "static"))
    refuse("--routing", `has no say where the engine's dispatch is ${dispatch}; leave it out`);
  if (algorithm === "eplb") {
    if (maxMoves !== undefined) refuse("--algorithm eplb", "moves what it likes; leave out --max-moves");
    if (routing !== undefined) refuse("--algorithm eplb", "reads no routing; leave out --routing");
    if (groups > 1 && groups % nodes !== 0) {
      const hint = `is ${groups}; EPLB keeps groups on nodes only where the ${nodes} nodes divide them: leave it out`;
      refuse("--groups", hint);
    }
  }
  if (routing !== undefined && previous !== undefined)
    refuse("--routing", "has no say in adapting a placement; leave it or --previous out");
  if (hopWeight === undefined) return;
  if (routing === undefined)
    refuse("--hop-weight", "weighs the hops of a routing trace; give it with --routing");
  if (nodes === 1) refuse("--hop-weight", "weighs hops between nodes, and there is one node; leave it out");
}

/** @throws InputError where EPLB would break what the flags ask for: it fills every slot */
export function refuseUnevenEplb(slots: Int32Array, { slotsPerGpu }: Topology): void {
  if (slots.every((count) => count === slotsPerGpu)) return;
  const hint = "fills every slot; leave out --gpu-slots and --out-of-service";
  throw new InputError("--algorithm eplb", "", hint);
}
