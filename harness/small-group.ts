import { stringify } from "yaml";
import type { ScratchFolder } from "./scratch-folder.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "./small-model.ts";

/** The `experts` of a pool whose engines serve the small model: names of files written there. */
export async function smallGroup(folder: ScratchFolder, pool = SMALL_TOPOLOGY): Promise<string> {
  const model = await folder.write("small-model.yaml", stringify(SMALL_MODEL));
  const topology = await folder.write("small-topology.yaml", stringify(pool));
  return `{ model: ${model}, topology: ${topology} }`;
}
