// Writes what of the documentation is made of the code: `npm test` holds each file to it.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { configJsonSchema } from "../../src/config/json-schema.ts";
import { apiPage } from "./api-page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

writeFileSync(`${root}docs/api.md`, apiPage());
writeFileSync(`${root}config/schema.json`, `${JSON.stringify(await configJsonSchema(), null, 2)}\n`);
