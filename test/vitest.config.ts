import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Tests that drive load, measure or look at a page: side by side they would disturb each other. */
const ALONE = [
  "test/fault/{bounded-memory,cluster,engines-under-load,slow-reader}.test.ts",
  "test/e2e/dashboard.test.ts",
  "test/integration/gateway-bench.test.ts",
];

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "side by side",
          include: ["test/**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
