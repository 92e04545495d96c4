import type { MoeModel, Precision } from "../../model/moe-model.ts";
import { INT4_GROUP } from "../../model/weights.ts";
import { checkShape } from "../check-shape.ts";
import { type Place, type SourceOf, faultAt, inside } from "../place.ts";
import { checkModel } from "./check-model.ts";
import { readLayerNumbers } from "./layer-numbers.ts";
import { type WrittenModel, modelSchema } from "./model-schema.ts";
import { readAttention } from "./read-attention.ts";

/** Files that do not say are of DeepSeek's kind. */
const PRECISION = { experts: "fp8" } as const;

/**
 * The model that a file describes. What this returns may be written as a file again, and is then read as the same.
 * @param value the file's plain data
 * @throws InputError
 */
export function readModel(value: unknown, sourceOf: SourceOf): MoeModel {
  const written = checkShape(modelSchema(value), value, sourceOf);
  const place: Place = { sourceOf, field: [] };
  const { hidden, expertHidden = hidden, moeIntermediate, sharedIntermediate = moeIntermediate } = written;
  const model: MoeModel = {
    ...written,
    ...layersOf(written, place),
    expertHidden,
    sharedIntermediate,
    attention: readAttention(
      written.attention,
      written.layers + written.mtpLayers,
      inside(place, "attention"),
    ),
    precision: precisionOf(written.precision),
  };
  checkModel(model, place);
  return model;
}

type FeedForward = Pick<MoeModel, "moeLayers" | "denseLayers">;

/** Layers that are said to be neither have no feed-forward network. What is not said of is the other kind. */
function layersOf(written: WrittenModel, place: Place): FeedForward {
  const { layers, mtpLayers } = written;
  const all = Array.from({ length: layers }, (_, layer) => layer);
  const mtp = Array.from({ length: mtpLayers }, (_, i) => layers + i);
  const dense = denseLayersOf(written, place);
  if (written.moeLayers === undefined) {
    const denseLayers = dense ?? [];
    return { denseLayers, moeLayers: [...without(all, denseLayers), ...mtp] };
  }
  const named = readLayerNumbers(written.moeLayers, layers + mtpLayers, inside(place, "moeLayers"));
  const moeLayers = [...without(named, mtp), ...mtp];
  const both = dense?.find((layer) => moeLayers.includes(layer));
  if (both !== undefined) {
    const hint = `names layer ${both}, which is among moeLayers; expected it in one of them, or leave denseLayers out`;
    throw faultAt(inside(place, "denseLayers"), hint);
  }
  return { moeLayers, denseLayers: dense ?? without(all, moeLayers) };
}

/** A number is so many of the first. */
function denseLayersOf({ denseLayers, layers }: WrittenModel, place: Place): readonly number[] | undefined {
  if (denseLayers === undefined) return undefined;
  const at = inside(place, "denseLayers");
  if (typeof denseLayers !== "number") return readLayerNumbers(denseLayers, layers, at);
  if (denseLayers >= layers) throw faultAt(at, `is ${denseLayers}; expected less than the ${layers} layers`);
  return Array.from({ length: denseLayers }, (_, layer) => layer);
}

function without(layers: readonly number[], others: readonly number[]): readonly number[] {
  const left = new Set(others);
  return layers.filter((layer) => !left.has(layer));
}

function precisionOf(written: WrittenModel["precision"] = PRECISION): Precision {
  const {
    experts,
    groupSize = INT4_GROUP,
    rest = experts,
    dispatch = experts === "fp8" ? "fp8" : "bf16",
  } = typeof written === "string" ? { experts: written } : written;
  return { experts, groupSize, rest, dispatch };
}
