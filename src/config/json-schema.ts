import { z } from "zod";
import { configSchema } from "./config.ts";
import { type Section, isSection } from "./section.ts";

/**
 * The JSON Schema of a configuration file, for editors and pipelines. What has a default may be left out.
 * @param defaults what config/default.yaml says
 */
export function configJsonSchema(defaults: Section): Section {
  const schema = z.toJSONSchema(configSchema, { io: "input" }) as Section;
  tellDefaults(schema, defaults);
  return schema;
}

function tellDefaults(schema: Section, defaults: Section): void {
  delete schema["required"];
  const properties = schema["properties"] as Record<string, Section>;
  for (const [name, value] of Object.entries(defaults)) {
    const property = properties[name];
    if (isSection(value) && "properties" in property) tellDefaults(property, value);
    else property["default"] = value;
  }
}
