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
  jsPlugins: ["./oxlint-plugin.ts"],
  options: { typeAware: true, denyWarnings: true },
  env: { builtin: true, es2026: true, node: true },
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  rules: {
    "plimsoll/import-table": "error",
    "plimsoll/package-files": "error",
    "import/no-cycle": ["error", { ignoreTypes: false }],

    eqeqeq: "error",
    "no-var": "error",
    "prefer-const": "error",
    "typescript/no-deprecated": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-misused-promises": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/prefer-readonly": "error",
    "typescript/return-await": ["error", "error-handling-correctness-only"],

    // A loop that awaits means one after the other.
    "no-await-in-loop": "off",
    "no-shadow": ["error", { allow: ["_"] }],
    "import/no-named-as-default-member": "off",
    "import/no-unassigned-import": ["error", { allow: ["**/*.css"] }],
    // Published records are read-only: a changed one is a copy.
    "oxc/no-map-spread": "off",
    // Taken for Express by its name; Fastify's handlers are async.
    "oxc/no-async-endpoint-handlers": "off",
    // tsc's noImplicitReturns says it better.
    "typescript/consistent-return": "off",
    // JSON and caught errors arrive untyped.
    "typescript/no-unsafe-type-assertion": "off",
    // Takes a destructured `resolve` or `reject` for a method.
    "typescript/unbound-method": "off",
    "unicorn/consistent-function-scoping": "off",
    // A kernel sorts its own buffer in place.
    "unicorn/no-array-sort": "off",
    // Workers and ports have no origin.
    "unicorn/require-post-message-target-origin": "off",
    "vitest/no-conditional-expect": "off",
    "vitest/no-standalone-expect": "off",
    // A contract suite names its tests through a function of its own.
    "vitest/expect-expect": [
      "error",
      { assertFunctionNames: ["expect", "expect*", "fc.assert", "assert.*", "check"] },
    ],
    "vitest/valid-describe-callback": "off",
    "vitest/valid-title": "off",
  },
  overrides: [
    {
      // Answers come as untyped JSON, and clients speak yesterday's fields too.
      files: ["**/test/**", "**/harness/**", "**/*.mjs"],
      rules: {
        "typescript/no-deprecated": "off",
        "typescript/no-unsafe-argument": "off",
        "typescript/no-unsafe-assignment": "off",
        "typescript/no-unsafe-call": "off",
        "typescript/no-unsafe-member-access": "off",
        "typescript/no-unsafe-return": "off",
      },
    },
    {
      files: pureFolders,
      rules: {
        "no-restricted-globals": ["error", { globals: impureGlobals, checkGlobalObject: true }],
        "no-restricted-properties": ["error", { object: "Math", property: "random" }],
      },
    },
  ],
});
