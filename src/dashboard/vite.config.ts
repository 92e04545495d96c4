import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { type Plugin, defineConfig } from "vite";

const OUT = resolve(import.meta.dirname, "../../dist/dashboard");

/** Beside each text a `.br` and a `.gz`, which the gateway serves to those who take them. */
function compressed(): Plugin {
  return {
    name: "compressed",
    closeBundle() {
      for (const path of readdirSync(OUT, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(path)) continue;
        const bytes = readFileSync(resolve(OUT, path));
        writeFileSync(resolve(OUT, `${path}.br`), brotliCompressSync(bytes));
        writeFileSync(resolve(OUT, `${path}.gz`), gzipSync(bytes));
      }
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the page also works behind a proxy that adds a path.
  base: "./",
  build: {
    outDir: OUT,
    emptyOutDir: true,
    // Of the packages whose code is in the page.
    license: { fileName: "licenses.md" },
    // ECharts, tree-shaken, is a chunk of its own.
    chunkSizeWarningLimit: 700,
  },
  plugins: [compressed()],
});
