// Writes what of the documentation is made of the code: `npm test` holds each file to it.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { madeFiles } from "./made-files.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

for (const [path, text] of await madeFiles()) writeFileSync(root + path, text);
