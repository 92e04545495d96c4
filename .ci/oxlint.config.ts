import { defineConfig } from "oxlint";
import { importTable } from "./import-table.ts";

const pureFolders = importTable.filter((row) => row.pure).map((row) => `**/src/${row.unit}/**`);

const impureGlobals = [
  "Buffer",
  "Date",
  "clearImmediate",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "fetch",
  "performance",
  "process",
  "queueMicrotask",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

export default defineConfig({
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "promise", "vitest"],
  jsPlugins: ["./import-table-rule.ts"],
  options: { typeAware: true, denyWarnings: true },
  env: { builtin: true, es2026: true, node: true },
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  rules: {
    "plimsoll/import-table": "error",
    "import/no-cycle": "error",
  },
  overrides: [
    {
      files: pureFolders,
      rules: {
        "no-restricted-globals": ["error", { globals: impureGlobals, checkGlobalObject: true }],
        "no-restricted-properties": ["error", { object: "Math", property: "random" }],
      },
    },
  ],
});
