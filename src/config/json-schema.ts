import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { packageFile } from "../files/package-files.ts";
import { configSchema } from "./config.ts";
import { type Section, isSection } from "./section.ts";
import { fieldNotes, settingNotes } from "./setting-notes.ts";

/**
 * The JSON Schema of a configuration file, for editors and pipelines: what has a default in config/default.yaml may be left
 * out, and what that file's comments say of a setting describes it. `config/schema.json` is this.
 */
export async function configJsonSchema(): Promise<Section> {
  const text = await readFile(packageFile("config/default.yaml"), "utf8");
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: "input" }) as Section;
  const schema: Section = { $schema, title: "Plimsoll's configuration", ...rest };
  tellDefaults(schema, parse(text) as Section, settingNotes(text), "");
  const { pools, models } = schema["properties"] as Record<string, Section>;
  // Those of the defaults are the demo's.
  delete pools["default"];
  tellFields(pools["items"] as Section, pools["description"]);
  tellFields(models["additionalProperties"] as Section, models["description"]);
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

/** Describes the fields of an object, or of each kind of it, by the table in a note. */
function tellFields(schema: Section, note: unknown): void {
  const notes = fieldNotes(String(note));
  const kinds = (schema["oneOf"] ?? schema["anyOf"] ?? [schema]) as readonly Section[];
  for (const { properties } of kinds)
    for (const [name, property] of Object.entries(properties as Record<string, Section>)) {
      const text = notes.get(name);
      if (text !== undefined) property["description"] = text;
    }
}
