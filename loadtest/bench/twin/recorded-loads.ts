import { existsSync } from "node:fs";
import { join } from "node:path";
import { readInput } from "../../../src/cli/output.ts";
import { readExpertLoads } from "../../../src/formats/expert-load.ts";
import { type ExpertLoad, loadRows } from "../../../src/model/load.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import { dataFolder } from "../bench-input.ts";

interface RecordedLoads {
  readonly prefill: ExpertLoad;
  readonly decode: ExpertLoad;
  readonly source: string;
}

/** Loads that an engine recorded of prompts and of answers; where they are not present, two of the bench's own. */
export async function recordedLoads(model: MoeModel, drawn: readonly ExpertLoad[]): Promise<RecordedLoads> {
  const path = (name: string) => join(dataFolder(), "loads", `${name}.json`);
  const [prefill, decode] = [path("prefill_in4096"), path("decode_in2000out100")];
  if (!existsSync(prefill) || !existsSync(decode))
    return {
      prefill: fitted(model, drawn[0]),
      decode: fitted(model, drawn[1]),
      source: "loads of the bench",
    };
  const read = async (file: string) => {
    const { windows } = readExpertLoads(await readInput(file), file);
    return loadRows(windows[0], model.moeLayers);
  };
  return {
    prefill: await read(prefill),
    decode: await read(decode),
    source: "loads that SGLang's reproduction recorded (prefill_in4096, decode_in2000out100)",
  };
}

/** Layers in turn for all of the model's. */
function fitted(model: MoeModel, load: ExpertLoad): ExpertLoad {
  return loadRows(
    load,
    model.moeLayers.map((_, row) => row % load.layers),
  );
}
