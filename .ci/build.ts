// Builds what the npm package runs of src/: the command line and its threads as JavaScript under dist/node, the library
// with its types under dist/library. npm packages stay packages: they are the `dependencies` of package.json.
import { rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { build } from "rolldown";
import manifest from "../package.json" with { type: "json" };
import { ENTRY_MODULES } from "../src/files/package-files.ts";

const packages = Object.keys(manifest.dependencies);
const external = (id: string) =>
  id.startsWith("node:") ||
  builtinModules.includes(id) ||
  packages.some((name) => id === name || id.startsWith(`${name}/`));

for (const folder of ["dist/node", "dist/library"]) rmSync(folder, { recursive: true, force: true });
await build({
  input: Object.fromEntries(["main", ...ENTRY_MODULES].map((name) => [name, `src/${name}.ts`])),
  platform: "node",
  external,
  output: { dir: "dist/node", format: "esm", sourcemap: true, chunkFileNames: "chunks/[name]-[hash].js" },
});
