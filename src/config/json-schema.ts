import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { packageFile } from "../files/package-files.ts";
import { configSchema } from "./config.ts";
import { type Section, isSection } from "./section.ts";
import { settingNotes } from "./setting-notes.ts";

/**
 * The JSON Schema of a configuration file, for editors and pipelines: what has a default in config/default.yaml may be left
 * out, and what that file's comments say of a setting describes it. `config/schema.json` is this.
 */
export async function configJsonSchema(): Promise<Section> {
  const text = await readFile(packageFile("config/default.yaml"), "utf8");
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: "input" }) as Section;
  const schema: Section = { $schema, title: "Plimsoll's configuration", ...rest };
  tellDefaults(schema, parse(text) as Section, settingNotes(text), "");
  // Those of the defaults are the demo's.
  delete (schema["properties"] as Record<string, Section>)["pools"]["default"];
  return { ...schema, required: ["pools"] };
}

function tellDefaults(
  schema: Section,
  defaults: Section,
  notes: ReadonlyMap<string, string>,
  at: string,
): void {
  delete schema["required"];
  const properties = schema["properties"] as Record<string, Section>;
  for (const [name, value] of Object.entries(defaults)) {
    const property = properties[name];
    const note = notes.get(at + name);
    if (note !== undefined) property["description"] = note;
    if (isSection(value) && "properties" in property) tellDefaults(property, value, notes, `${at}${name}.`);
    else property["default"] = value;
  }
}
