import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { LinkedFiles } from "../../.ci/docs/linked-files.ts";
import { slug } from "../../.ci/docs/slug.ts";
import { ownVersion } from "../../src/files/own-version.ts";
import { openApiDocument } from "../../src/http/openapi/document.ts";
import { sidebar } from "./sidebar.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const files = new LinkedFiles(root);

// Everything that a page needs is in the site: no other host is asked for fonts, scripts or search.
export default defineConfig({
  title: "Plimsoll",
  description: "An expert-parallel inference load balancer for mixture-of-experts models",
  outDir: "../dist/site",
  cacheDir: "../dist/site-cache",
  base: process.env["DOCS_BASE"] ?? "/",
  markdown: {
    anchor: { slugify: slug },
    languageAlias: { promql: "txt" },
    config(md) {
      md.core.ruler.push("linked-files", ({ tokens }) => {
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          if (token.type !== "link_open") continue;
          const href = files.hrefOf(String(token.attrGet("href")));
          if (href === null) continue;
          token.attrSet("href", href);
          if (href.startsWith("/files/")) token.attrSet("target", "_blank");
        }
      });
    },
  },
  themeConfig: {
    nav: [
      { text: "Quick start", link: "/quick-start" },
      { text: "How it works", link: "/how-it-works" },
      { text: "API", link: "/api" },
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: "local" },
    footer: { message: "Apache 2.0" },
  },
  buildEnd({ outDir }) {
    files.write(outDir);
    writeFileSync(join(outDir, "openapi.json"), JSON.stringify(openApiDocument(ownVersion()), null, 2));
  },
});
