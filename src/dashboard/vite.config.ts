import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the page also works behind a proxy that adds a path.
  base: "./",
  build: {
    outDir: "../../dist/dashboard",
    emptyOutDir: true,
    // ECharts, tree-shaken, is most of the bundle.
    chunkSizeWarningLimit: 700,
  },
});
