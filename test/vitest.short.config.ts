import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LONG_FILES } from "./long-files.ts";
import whole from "./vitest.config.ts";

const projects = (whole.test?.projects ?? []) as readonly TestProjectInlineConfiguration[];

/** What `npm test` runs: every test file but the long ones. */
export default defineConfig({
  ...whole,
  test: {
    ...whole.test,
    projects: projects.map((project) => ({
      ...project,
      test: { ...project.test, exclude: [...(project.test?.exclude ?? []), ...LONG_FILES] },
    })),
  },
});
