import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import type { ExpertLoad } from "../model/load.ts";
import { type Placement, indexReplicas, placementFault } from "../model/placement.ts";
import { MAX_TRACE_EXPERTS, type RoutingTrace } from "../model/routing-trace.ts";
import { type Topology, gpuCount, slotCount } from "../model/topology.ts";
import type { LoadInput, RoutingInput } from "./inputs.ts";

/** An expert's shares may sum to 1 within this, as in files. */
const SHARE_TOLERANCE = 1e-6;
const MOST = 2 ** 31 - 1;

/**
 * Holds what a caller of one function gave to what that function takes, whatever the caller's compiler said of it: every
 * fault is an InputError that names the function, the field and what it should be.
 */
export class InputReader {
  readonly #caller: string;

  /** @param caller the function's name */
  constructor(caller: string) {
    this.#caller = caller;
  }

  fault(field: string, hint: string): InputError {
    return new InputError(this.#caller, field, hint);
  }

  /** @throws InputError for a field that has no meaning, such as one that is misspelt */
  known(options: object, fields: readonly string[]): void {
    this.#object(options, "options");
    const other = Object.keys(options).find((key) => !fields.includes(key));
    if (other !== undefined) throw this.fault(other, `is unknown; expected ${fields.join(", ")}`);
  }

  whole(value: number, field: string, least: number, most = MOST): number {
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    const range = most === MOST ? `an integer ≥ ${least}` : `an integer from ${least} to ${most}`;
    throw this.fault(field, `is ${value}; expected ${range}`);
  }

  wholes(values: ReadonlyNumbers, field: string, least: number, most = MOST): number[] {
    this.#object(values, field);
    return Array.from(values as ArrayLike<number>, (value, i) =>
      this.whole(value, `${field}[${i}]`, least, most),
    );
  }

  /** @param length null for any */
  amounts(values: ReadonlyNumbers, field: string, length: number | null): Float64Array {
    this.#object(values, field);
    const numbers = Float64Array.from(values as ArrayLike<number>);
    this.#length(numbers, field, length);
    const wrong = numbers.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
    if (wrong < 0) return numbers;
    throw this.fault(`${field}[${wrong}]`, `is ${numbers[wrong]}; expected a number ≥ 0`);
  }

  oneOf<Word extends string>(value: Word, field: string, words: readonly Word[]): Word {
    if (words.includes(value)) return value;
    throw this.fault(field, `is ${JSON.stringify(value)}; expected one of ${words.join(", ")}`);
  }

  topology(topology: Topology, field: string): Topology {
    this.#object(topology, field);
    const { nodes, gpusPerNode, slotsPerGpu } = topology;
    return {
      nodes: this.whole(nodes, `${field}.nodes`, 1),
      gpusPerNode: this.whole(gpusPerNode, `${field}.gpusPerNode`, 1),
      slotsPerGpu: this.whole(slotsPerGpu, `${field}.slotsPerGpu`, 1),
    };
  }

  load(load: LoadInput): ExpertLoad {
    this.#object(load, "load");
    if ("tokens" in load) {
      const layers = this.whole(load.layers, "load.layers", 1);
      const experts = this.whole(load.experts, "load.experts", 1);
      return { layers, experts, tokens: this.amounts(load.tokens, "load.tokens", layers * experts) };
    }
    const experts = load[0]?.length ?? 0;
    if (experts === 0) throw this.fault("load", "is empty; expected [layers][experts]");
    const tokens = new Float64Array(load.length * experts);
    for (const [layer, row] of load.entries())
      tokens.set(this.amounts(row, `load[${layer}]`, experts), layer * experts);
    return { layers: load.length, experts, tokens };
  }

  placement(placement: Placement, field: string): Placement {
    this.#object(placement, field);
    this.#object(placement.physicalToLogical, `${field}.physicalToLogical`);
    const layers = this.whole(placement.layers, `${field}.layers`, 1);
    const experts = this.whole(placement.experts, `${field}.experts`, 1);
    const topology = this.topology(placement.topology, `${field}.topology`);
    const read = { layers, experts, topology, physicalToLogical: placement.physicalToLogical };
    const fault = placementFault(read);
    if (fault !== null) throw this.fault(field, `${fault}; correct physicalToLogical`);
    return read;
  }

  /** `[layers][slots]`: shares of a placement's experts. */
  shares(shares: ReadonlyNumbers, placement: Placement, field: string): Float64Array {
    const { layers, experts, topology } = placement;
    const width = slotCount(topology);
    const values = this.amounts(shares, field, layers * width);
    const { offsets, slots } = indexReplicas(placement);
    for (let row = 0; row < layers * experts; row++) {
      const first = Math.floor(row / experts) * width;
      let sum = 0;
      for (let r = offsets[row]; r < offsets[row + 1]; r++) sum += values[first + slots[r]];
      if (Math.abs(sum - 1) <= SHARE_TOLERANCE) continue;
      const where = `layer ${Math.floor(row / experts)} expert ${row % experts}`;
      throw this.fault(field, `of ${where} sum to ${sum}; expected 1`);
    }
    return values;
  }

  routing(routing: RoutingInput, { layers, experts }: Placement): RoutingTrace {
    this.#object(routing, "routing");
    const trace = "experts" in routing ? this.#flat(routing) : this.#packed(routing);
    if (trace.layers !== layers)
      throw this.fault("routing", `has ${trace.layers} layers; expected the placement's ${layers}`);
    const wrong = trace.experts.findIndex((id) => id < -1 || id >= experts);
    if (wrong < 0) return trace;
    const expected = `0..${experts - 1}, or −1 for none`;
    const token = Math.floor(wrong / (layers * trace.topk));
    throw this.fault(`routing[${token}]`, `has expert ${trace.experts[wrong]}; expected ${expected}`);
  }

  /** `[tokens]`: GPUs. */
  sources(sources: ReadonlyNumbers, tokens: number, topology: Topology): Int32Array {
    const gpus = Int32Array.from(this.wholes(sources, "sources", 0, gpuCount(topology) - 1));
    this.#length(gpus, "sources", tokens);
    return gpus;
  }

  #flat(trace: RoutingTrace): RoutingTrace {
    const tokens = this.whole(trace.tokens, "routing.tokens", 1);
    const layers = this.whole(trace.layers, "routing.layers", 1);
    const topk = this.whole(trace.topk, "routing.topk", 1);
    const experts = this.#ids(trace.experts, "routing.experts");
    this.#length(experts, "routing.experts", tokens * layers * topk);
    return { tokens, layers, topk, experts };
  }

  #packed(rows: readonly (readonly ArrayLike<number>[])[]): RoutingTrace {
    const layers = rows[0]?.length ?? 0;
    const topk = rows[0]?.[0]?.length ?? 0;
    if (topk === 0) throw this.fault("routing", "is empty; expected [tokens][layers][topk]");
    const experts = new Int16Array(rows.length * layers * topk);
    let to = 0;
    for (const [token, row] of rows.entries()) {
      this.#length(row, `routing[${token}]`, layers);
      for (const [layer, ids] of row.entries()) {
        const field = `routing[${token}][${layer}]`;
        this.#length(ids, field, topk);
        experts.set(this.#ids(ids, field), to);
        to += topk;
      }
    }
    return { tokens: rows.length, layers, topk, experts };
  }

  #ids(ids: ReadonlyNumbers, field: string): Int16Array {
    if (ids instanceof Int16Array) return ids;
    return Int16Array.from(this.wholes(ids, field, -1, MAX_TRACE_EXPERTS - 1));
  }

  #object(value: unknown, field: string): void {
    if (typeof value === "object" && value !== null) return;
    throw this.fault(
      field,
      `is ${value === undefined ? "missing" : typeof value}; expected an array or an object`,
    );
  }

  #length(values: { readonly length: number }, field: string, length: number | null): void {
    if (length === null || values.length === length) return;
    throw this.fault(field, `has ${values.length} entries; expected ${length}`);
  }
}
