import type { MoeModel } from "../../model/moe-model.ts";
import { type Place, faultAt, inside } from "../place.ts";

/** @throws InputError for what does not hold together */
export function checkModel(model: MoeModel, place: Place): void {
  const fault = (field: string, hint: string) => faultAt(inside(place, field), hint);
  const { experts, groups, topkGroups, topk, moeLayers, denseLayers, denseIntermediate } = model;
  if (moeLayers.length === 0)
    throw fault("moeLayers", "names none; expected the layers that route to experts");
  if (denseLayers.length > 0 && denseIntermediate === 0) {
    const hint = `is missing or 0; expected the width of the dense layers, of which ${denseLayers[0]} is the first`;
    throw fault("denseIntermediate", hint);
  }
  if (experts % groups !== 0)
    throw fault("groups", `is ${groups}; expected a divisor of the ${experts} experts`);
  if (topkGroups > groups)
    throw fault("topkGroups", `is ${topkGroups}; expected at most the ${groups} groups`);
  const choosable = (experts / groups) * topkGroups;
  if (topk > choosable)
    throw fault("topk", `is ${topk}; expected at most the ${choosable} experts of the chosen groups`);
  const { sharedFused, sharedExperts, sharedIntermediate, moeIntermediate } = model;
  if (sharedFused && model.expertHidden !== model.hidden)
    throw fault("sharedFused", "is true of a model whose experts are of another width; expected false");
  if (sharedFused && sharedExperts === 0)
    throw fault("sharedFused", "is true of a model without shared experts; expected sharedExperts, or false");
  if (sharedFused && sharedIntermediate !== moeIntermediate) {
    const hint = `is ${sharedIntermediate}; expected moeIntermediate, ${moeIntermediate}, where sharedFused is true`;
    throw fault("sharedIntermediate", hint);
  }
  checkLayers(model, place);
}

/** Every layer has attention and a feed-forward network; or, as in Nemotron-H, every one has one of the two. */
function checkLayers({ layers, mtpLayers, attention, moeLayers, denseLayers }: MoeModel, place: Place): void {
  const attends = new Set(attention.flatMap(({ layers: numbers }) => numbers));
  const feedsForward = new Set([...moeLayers, ...denseLayers]);
  const isWhole =
    moeLayers.some((layer) => attends.has(layer)) || denseLayers.some((layer) => attends.has(layer));
  for (let layer = 0; layer < layers + mtpLayers; layer++) {
    const lacks = isWhole ? [attends, feedsForward].find((has) => !has.has(layer)) : null;
    if (lacks === attends) {
      const hint = `has no record for layer ${layer}; expected every layer in one of them`;
      throw faultAt(inside(place, "attention"), hint);
    }
    if (lacks === feedsForward) {
      const hint = `is without layer ${layer}, which is not among moeLayers either; expected it in one of them`;
      throw faultAt(inside(place, "denseLayers"), hint);
    }
    if (!attends.has(layer) && !feedsForward.has(layer)) {
      const hint = `has no record for layer ${layer}, which has no feed-forward network either; expected one of them`;
      throw faultAt(inside(place, "attention"), hint);
    }
  }
}
