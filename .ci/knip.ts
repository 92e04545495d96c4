import { ENTRY_MODULES } from "../src/files/package-files.ts";

export default {
  entry: [
    "docs/.vitepress/config.ts",
    "docs/more/*.paths.ts",
    "harness/fakes/*-server.ts",
    "src/library/index.ts",
    "src/plimsoll.ts",
    ...ENTRY_MODULES.map((name) => `src/${name}.ts`),
  ],
  ignoreDependencies: ["axe-core"],
  project: [
    "src/**/*.{ts,tsx}",
    "test/**/*.ts",
    "loadtest/**/*.ts",
    "harness/**/*.ts",
    ".ci/**/*.{ts,mjs}",
    "docs/.vitepress/*.ts",
  ],
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreBinaries: ["go", "mkfifo", "prometheus", "promtool", "unshare"],
};
