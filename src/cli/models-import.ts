import { dirname, join } from "node:path";
import { Command } from "commander";
import { readModel } from "../config/models/read-model.ts";
import { writeModel } from "../config/models/write-model.ts";
import { activeParameters, totalParameters } from "../core/cost/model-weights.ts";
import { readHuggingFaceConfig } from "../formats/hugging-face/read-config.ts";
import { InputError } from "../lib/errors.ts";
import { decimals } from "../lib/number-text.ts";
import { jsonOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";

interface ImportOptions {
  readonly name?: string;
  readonly out?: string;
  readonly json?: true;
}

/** Where older exports of NVIDIA's modelopt have what others have in config.json. */
const QUANTIZATION_FILE = "hf_quant_config.json";

export function modelsImportCommand(): Command {
  return new Command("import")
    .description(
      "Make a model's file from its Hugging Face config.json; a hf_quant_config.json beside it is read too. " +
        "What is taken for granted is said, and what cannot be read is an error.",
    )
    .argument("<config>", "the model's config.json")
    .option("--name <name>", "what clients ask for (default: as the configuration calls itself)")
    .option("--out <file>", "where to write the model's file, .yaml (default: standard output)")
    .addOption(jsonOption())
    .exitOverride()
    .action(importModel);
}

async function importModel(path: string, _: ImportOptions, command: Command): Promise<void> {
  // `models` has a --json too, and takes it wherever it stands.
  const { name = null, out, json = false } = command.optsWithGlobals<ImportOptions>();
  const say = output(json);
  if (out !== undefined && !/\.ya?ml$/.test(out))
    throw new InputError("--out", "", `is ${out}; expected a file that ends in .yaml`);
  const quantization = await optional(join(dirname(path), QUANTIZATION_FILE));
  const read = readHuggingFaceConfig(await readInput(path), path, { name, quantization });
  const model = readModel(read.model, () => path);
  const text = writeModel(model);
  const [parameters, active] = [totalParameters(model), activeParameters(model)];
  const sizes = `${decimals(parameters / 1e9, 1)} B parameters, ${decimals(active / 1e9, 1)} B a token`;
  const notes = [...read.notes, `${model.name} comes to ${sizes}; compare with what its publisher says`];
  for (const note of notes) say.progress(note);
  if (out !== undefined) await writeOutput(out, text);
  const summary = { model, notes, parameters, activeParameters: active, out: out ?? null };
  say.result(summary, out === undefined ? text.trimEnd() : `${out}: ${model.name}, ${sizes}`);
}

async function optional(
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly source: string } | null> {
  try {
    return { bytes: await readInput(path), source: path };
  } catch (error) {
    if (error instanceof InputError && error.message.includes("(ENOENT)")) return null;
    throw error;
  }
}
