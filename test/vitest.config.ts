import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Tests that drive load or measure: many at once would disturb each other. */
const LOADED = [
  "test/fault/{bounded-memory,engines-under-load,slow-reader}.test.ts",
  "test/integration/{gateway-bench,load-scenarios,routing-bench}.test.ts",
];

/** They count the timers of their process, in which nothing else may set any. */
export const BY_THEMSELVES = [
  "test/property/{flight,picked-request}.test.ts",
  "test/unit/{file-watch,flight,flight-pools,server-sources,server-watch,wait-limit}.test.ts",
];

/** They ask the npm registry: `npm run test:package`. */
const PACKAGE = ["test/package/**"];

/** It waits more than it works: begun last, it would hold up the whole run. */
const LONGEST = "test/fault/cluster.test.ts";

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLongest = ({ moduleId }: TestSpecification) => moduleId.endsWith(LONGEST);
    return sorted.toSorted((a, b) => Number(isLongest(b)) - Number(isLongest(a)));
  }
}

const root = fileURLToPath(new URL("..", import.meta.url));

// Most of what a command that a test starts has to do is to compile the same modules.
process.env["NODE_COMPILE_CACHE"] ??= `${root}dist/compile-cache`;

export default defineConfig({
  test: {
    root,
    pool: "forks",
    // Test files leave nothing behind: they may share a process, which loads the modules once.
    isolate: false,
    setupFiles: ["test/closed-sockets.ts"],
    // Node loads the modules itself, as it does in production.
    experimental: { viteModuleRunner: false },
    sequence: { sequencer: LongestFirst },
    // Only a broken machine is as slow as this.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "four at once",
          include: ["test/**/*.test.ts"],
          exclude: [...LOADED, ...BY_THEMSELVES, ...PACKAGE],
          // On two cores: tests that wait for servers, browsers and timers leave room.
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "by themselves",
          include: BY_THEMSELVES,
          isolate: true,
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "two at once",
          include: LOADED,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
