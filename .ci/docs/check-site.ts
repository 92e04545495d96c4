// Part of `npm run test:docs`: the built site asks no other host for anything, and has every page.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, pages } from "./markdown.ts";

const SITE = join(ROOT, "dist/site");

/** What a browser loads by itself: scripts, styles, pictures, fonts. Links that people follow are none of it. */
const LOADED = [
  /<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?\/\/[^"]*/g,
  /<link\b[^>]*\bhref="(?:https?:)?\/\/[^"]*/g,
  /url\(["']?(?:https?:)?\/\/[^)]*/g,
  /@import ["'](?:https?:)?\/\/[^"']*/g,
];

const faults: string[] = [];
for (const name of readdirSync(SITE, { recursive: true }).map(String)) {
  if (!/\.(?:html|css)$/.test(name)) continue;
  const text = readFileSync(join(SITE, name), "utf8");
  for (const [found] of LOADED.flatMap((pattern) => [...text.matchAll(pattern)]))
    faults.push(`${name}: ${found}`);
}
for (const path of pages()) {
  if (!path.startsWith("docs/")) continue;
  const page = path.replace(/^docs\/(.*)\.md$/, "$1.html");
  if (!existsSync(join(SITE, page))) faults.push(`${page} is missing`);
}
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(faults.length === 0 ? "the site has every page and asks no other host\n" : "");
process.exitCode = faults.length === 0 ? 0 : 1;
