import { defineConfig } from "vitest/config";
import whole from "./vitest.config.ts";

const { projects: _, ...common } = whole.test ?? {};

/** What `npm run test:package` runs: packs, installs and uses what a stranger gets. It asks npm's registry and PyPI. */
export default defineConfig({
  test: { ...common, include: ["test/package/**/*.test.ts"], testTimeout: 300_000, hookTimeout: 600_000 },
});
