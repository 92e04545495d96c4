// Builds what the npm package runs of src/, beside the dashboard: the command line and its threads as JavaScript under
// dist/node, the library in one file with its types under dist/library.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import manifest from "../package.json" with { type: "json" };
import { ENTRY_MODULES } from "../src/files/package-files.ts";
import { copyDeclarations } from "./copy-declarations.ts";

// npm packages stay packages: whoever installs this one gets them as its `dependencies`.
const packages = Object.keys(manifest.dependencies);
const external = (id: string) =>
  id.startsWith("node:") ||
  builtinModules.includes(id) ||
  packages.some((name) => id === name || id.startsWith(`${name}/`));

for (const folder of ["dist/node", "dist/library"]) rmSync(folder, { recursive: true, force: true });
await build({
  input: Object.fromEntries(["plimsoll", "main", ...ENTRY_MODULES].map((name) => [name, `src/${name}.ts`])),
  platform: "node",
  external,
  output: { dir: "dist/node", format: "esm", sourcemap: true, chunkFileNames: "chunks/[name]-[hash].js" },
});
await build({
  input: "src/library/index.ts",
  platform: "neutral",
  output: { dir: "dist/library", format: "esm", sourcemap: true },
});

const declared = mkdtempSync(join(tmpdir(), "plimsoll-types-"));
try {
  const compiler = ["-p", ".ci/tsconfig.library.json", "--outDir", declared];
  const { status } = spawnSync("node_modules/.bin/tsc", compiler, { stdio: "inherit" });
  if (status !== 0) throw new Error(`tsc failed (${status})`);
  copyDeclarations(declared, "library/index.d.ts", "dist/library/types");
} finally {
  rmSync(declared, { recursive: true });
}
