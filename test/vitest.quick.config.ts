import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LONG_FILES } from "./long-files.ts";
import whole, { BY_THEMSELVES } from "./vitest.config.ts";

/** A file that takes longer beside others is not quick. */
const MOST_MS = 400;

interface Results {
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
  }[];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const results = `${root}dist/test-results.json`;

/** Files that were slow when all tests ran last; null where they have not yet run here. */
function slow(): string[] | null {
  if (!existsSync(results)) return null;
  const { testResults } = JSON.parse(readFileSync(results, "utf8")) as Results;
  return (
    testResults
      .filter(({ startTime, endTime }) => endTime - startTime > MOST_MS)
      // Of another checkout, too: its results may come with a cache.
      .map(({ name }) => name.slice(name.lastIndexOf("/test/") + 1))
  );
}

const left = slow();
const { projects: _, ...common } = whole.test ?? {};

/** What `npm run test:quick` runs: a new file too, and without a whole run before it only what is in this process. */
export default defineConfig({
  test: {
    ...common,
    include: left === null ? ["test/{unit,property,golden}/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: ["test/package/**", ...BY_THEMSELVES, ...LONG_FILES, ...(left ?? [])],
    maxWorkers: 2,
  },
});
